// Addresses outside the memory.

#include "script.h"

#define OUT ((void *)0xfffffff0)
static const text in = (text)0xffff0000;

u32 bad(bytes name) {
  char *given;
  u32 size, id;
  if (is(name, "log")) return proxy_log(2, in, 8);
  if (is(name, "log-size")) return proxy_log(2, "x", 0x7fffffff);
  if (is(name, "get-name")) return proxy_get_header_map_value(0, in, 8, &given, &size);
  if (is(name, "get-value")) return proxy_get_header_map_value(0, ":path", 5, OUT, &size);
  if (is(name, "get-size")) return proxy_get_header_map_value(0, ":path", 5, &given, OUT);
  if (is(name, "add-name")) return proxy_add_header_map_value(0, in, 8, "v", 1);
  if (is(name, "add-value")) return proxy_add_header_map_value(0, "x-bad", 5, in, 8);
  if (is(name, "replace-name")) return proxy_replace_header_map_value(0, in, 8, "v", 1);
  if (is(name, "replace-value")) return proxy_replace_header_map_value(0, "x-bad", 5, in, 8);
  if (is(name, "remove")) return proxy_remove_header_map_value(0, in, 8);
  if (is(name, "pairs-value")) return proxy_get_header_map_pairs(0, OUT, &size);
  if (is(name, "pairs-size")) return proxy_get_header_map_pairs(0, &given, OUT);
  if (is(name, "set-pairs")) return proxy_set_header_map_pairs(0, in, 8);
  if (is(name, "size")) return proxy_get_header_map_size(0, OUT);
  if (is(name, "buffer-status")) return proxy_get_buffer_status(7, OUT, &size);
  if (is(name, "read")) return proxy_get_buffer_bytes(0, 0, 4, OUT, &size);
  if (is(name, "set")) return proxy_set_buffer_bytes(0, 0, 4, in, 8);
  if (is(name, "reply-body")) return proxy_send_local_response(403, "", 0, in, 8, "", 0, (u32)-1);
  if (is(name, "reply-headers")) return proxy_send_local_response(403, "", 0, "", 0, in, 8, (u32)-1);
  if (is(name, "call-cluster")) return proxy_http_call(in, 8, "", 0, "", 0, "", 0, 1000, &id);
  if (is(name, "call-headers")) return proxy_http_call("auth", 4, in, 8, "", 0, "", 0, 1000, &id);
  if (is(name, "get-shared")) return proxy_get_shared_data(in, 8, &given, &size, &id);
  if (is(name, "set-shared")) return proxy_set_shared_data("k", 1, in, 8, 0);
  if (is(name, "register")) return proxy_register_shared_queue("q", 1, OUT);
  if (is(name, "resolve")) return proxy_resolve_shared_queue("", 0, in, 8, &id);
  if (is(name, "enqueue")) return proxy_enqueue_shared_queue(1, in, 8);
  if (is(name, "define")) return proxy_define_metric(0, in, 8, &id);
  if (is(name, "define-id")) return proxy_define_metric(0, "bad", 3, OUT);
  if (is(name, "metric")) return proxy_get_metric(1, OUT);
  if (is(name, "property")) return proxy_get_property(in, 8, &given, &size);
  if (is(name, "property-value")) return proxy_get_property("plugin_name", 11, OUT, &size);
  if (is(name, "set-property")) return proxy_set_property("a", 1, in, 8);
  if (is(name, "foreign")) return proxy_call_foreign_function(in, 8, "", 0, &given, &size);
  if (is(name, "foreign-argument")) return proxy_call_foreign_function("compress", 8, in, 8, &given, &size);
  if (is(name, "time")) return proxy_get_current_time_nanoseconds(OUT);
  if (is(name, "status")) return proxy_get_status(OUT, &given, &size);
  if (is(name, "fd_write")) return wasi_fd_write(1, OUT, 2, &size);
  if (is(name, "random_get")) return wasi_random_get(OUT, 64);
  if (is(name, "clock_time_get")) return wasi_clock_time_get(0, 0, OUT);
  if (is(name, "environ_sizes_get")) return wasi_environ_sizes_get(OUT, &size);
  __builtin_trap();
}
