// The commands.

#include <stdlib.h>
#include <string.h>

#include "script.h"

enum { INFO = 2 };

// The result of a command besides its status.
typedef struct {
  u32 status;
  bool has_text, has_value, has_pairs;
  bytes text;
  // Stored with `>`; valid if `has_value`.
  uint64_t value;
} result;

static text const maps[] = {"request",      "request-trailers", "response", "response-trailers",
                            "grpc-initial", "grpc-trailing",    "call",     "call-trailers"};
static text const buffers[] = {"request", "response", "downstream", "upstream", "call", "grpc", "vm", "plugin", "foreign"};
static text const levels[] = {"trace", "debug", "info", "warn", "error", "critical"};
#if ABI != 10
static text const streams[] = {"request", "response", "downstream", "upstream"};
#endif
static text const actions[] = {"continue", "stop", "end", "buffer-all", "watermark-all"};
static text const types[] = {"counter", "gauge", "histogram"};

static bytes last_text;

#define NAMED(word, names) named(it, word, names, sizeof names / sizeof *names)

static u32 named(root *it, bytes word, text const *names, u32 count) {
  for (u32 i = 0; i < count; i++) {
    if (is(word, names[i])) return i;
  }
  return number(it, word);
}

static void put(char *at, u32 value) { memcpy(at, &value, sizeof value); }

// Pairs in the format of the host: their number, all sizes, then all texts, each with a NUL at the end.
static bytes pairs(bytes *words, u32 count) {
  u32 size = 4;
  for (u32 i = 0; i < count; i++) size += words[i].size + 5;
  bytes it = {keep(size), size};
  put(it.at, count / 2);
  char *at = it.at + 4 + (size_t)count * 4;
  for (u32 i = 0; i < count; i++) {
    put(it.at + 4 + (size_t)i * 4, words[i].size);
    memcpy(at, words[i].at, words[i].size);
    at[words[i].size] = 0;
    at += words[i].size + 1;
  }
  return it;
}

static void say_pairs(bytes it) {
  if (it.size < 4) {
    say(" none");
    return;
  }
  u32 count, size[2];
  memcpy(&count, it.at, 4);
  char *at = it.at + 4 + (size_t)count * 8;
  for (u32 i = 0; i < count; i++) {
    memcpy(size, it.at + 4 + (size_t)i * 8, 8);
    say(i ? ", " : " ");
    say_bytes((bytes){at, size[0]});
    say("=");
    say_bytes((bytes){at + size[0] + 1, size[1]});
    at += size[0] + size[1] + 2;
  }
}

// a.b.c with NULs instead of dots.
static bytes path(bytes dotted) {
  bytes it = copy(dotted.at, dotted.size);
  for (u32 i = 0; i < it.size; i++) {
    if (it.at[i] == '.') it.at[i] = 0;
  }
  return it;
}

// envoy.config.core.v3.GrpcService with envoy_grpc.cluster_name.
static bytes grpc_service(bytes cluster) {
  bytes it = {keep(cluster.size + 4), cluster.size + 4};
  char head[] = {0x0a, (char)(cluster.size + 2), 0x0a, (char)cluster.size};
  memcpy(it.at, head, 4);
  memcpy(it.at + 4, cluster.at, cluster.size);
  return it;
}

#define W(i) words[i].at, words[i].size
#define COMMAND(name, least) if (is(words[0], name) && count > (least))
#define TEXT(call)                                                                                                     \
  (result) { .status = call, .has_text = given != NULL, .text = {given, size} }
#define VALUE(call)                                                                                                    \
  (result) { .status = call, .has_value = true, .value = value }
// A value that depends on other VMs of the process.
#define UNTOLD(call)                                                                                                   \
  (result) { .status = call, .value = value }
#define STATUS(call)                                                                                                   \
  (result) { .status = call }

static bool maps_command(root *it, bytes *words, u32 count, result *got) {
  char *given = NULL;
  u32 size = 0, value = 0;
  COMMAND("get", 2) *got = TEXT(proxy_get_header_map_value(NAMED(words[1], maps), W(2), &given, &size));
  else COMMAND("add", 3) *got = STATUS(proxy_add_header_map_value(NAMED(words[1], maps), W(2), W(3)));
  else COMMAND("replace", 3) *got = STATUS(proxy_replace_header_map_value(NAMED(words[1], maps), W(2), W(3)));
  else COMMAND("remove", 2) *got = STATUS(proxy_remove_header_map_value(NAMED(words[1], maps), W(2)));
  else COMMAND("size", 1) *got = VALUE(proxy_get_header_map_size(NAMED(words[1], maps), &value));
  else COMMAND("pairs", 1) {
    *got = TEXT(proxy_get_header_map_pairs(NAMED(words[1], maps), &given, &size));
    got->has_text = false;
    got->has_pairs = got->status == 0;
  }
  else COMMAND("set-pairs", 1) {
    bytes list = pairs(words + 2, count - 2);
    *got = STATUS(proxy_set_header_map_pairs(NAMED(words[1], maps), list.at, list.size));
  }
  else COMMAND("raw-pairs", 2) *got = STATUS(proxy_set_header_map_pairs(NAMED(words[1], maps), W(2)));
  else return false;
  return true;
}

static bool buffers_command(root *it, bytes *words, u32 count, result *got) {
  char *given = NULL;
  u32 size = 0, value = 0;
  COMMAND("buffer", 1) *got = VALUE(proxy_get_buffer_status(NAMED(words[1], buffers), &value, &size));
  else COMMAND("read", 3) {
    u32 from = number(it, words[2]), length = number(it, words[3]);
    *got = TEXT(proxy_get_buffer_bytes(NAMED(words[1], buffers), from, length, &given, &size));
  }
  else COMMAND("set", 4) {
    u32 from = number(it, words[2]), length = number(it, words[3]);
    *got = STATUS(proxy_set_buffer_bytes(NAMED(words[1], buffers), from, length, W(4)));
  }
  // Replaces the whole with this many letters x.
  else COMMAND("fill", 2) {
    u32 length = number(it, words[2]);
    char *all = keep(length);
    memset(all, 'x', length);
    *got = STATUS(proxy_set_buffer_bytes(NAMED(words[1], buffers), 0, (u32)-1, all, length));
  }
  else return false;
  return true;
}

// call CLUSTER TIMEOUT BODY NAME VALUE... [-- NAME VALUE...]
static result http_call(root *it, bytes *words, u32 count) {
  u32 end = 4, value = 0;
  while (end < count && !is(words[end], "--")) end++;
  bytes headers = pairs(words + 4, end - 4);
  bytes trailers = end < count ? pairs(words + end + 1, count - end - 1) : (bytes){0};
  u32 timeout = number(it, words[2]);
  return VALUE(proxy_http_call(W(1), headers.at, headers.size, W(3), trailers.at, trailers.size, timeout, &value));
}

static bool calls_command(root *it, bytes *words, u32 count, result *got) {
  u32 value = 0;
  // reply CODE DETAILS BODY GRPC NAME VALUE...
  COMMAND("reply", 4) {
    bytes headers = pairs(words + 5, count - 5);
    u32 code = number(it, words[1]), grpc = number(it, words[4]);
    *got = STATUS(proxy_send_local_response(code, W(2), W(3), headers.at, headers.size, grpc));
  }
  else COMMAND("call", 3) *got = http_call(it, words, count);
  // grpc-call CLUSTER TIMEOUT SERVICE METHOD MESSAGE NAME VALUE...
  else COMMAND("grpc-call", 5) {
    bytes service = grpc_service(words[1]), metadata = pairs(words + 6, count - 6);
    u32 timeout = number(it, words[2]);
    *got = VALUE(proxy_grpc_call(service.at, service.size, W(3), W(4), metadata.at, metadata.size, W(5), timeout, &value));
  }
  // The name of the cluster instead of a GrpcService.
  else COMMAND("grpc-call-by-name", 5) {
    u32 timeout = number(it, words[2]);
    *got = VALUE(proxy_grpc_call(W(1), W(3), W(4), "", 0, W(5), timeout, &value));
  }
  else COMMAND("grpc-stream", 3) {
    bytes service = grpc_service(words[1]), metadata = pairs(words + 4, count - 4);
    *got = VALUE(proxy_grpc_stream(service.at, service.size, W(2), W(3), metadata.at, metadata.size, &value));
  }
  else COMMAND("grpc-send", 3) *got = STATUS(proxy_grpc_send(number(it, words[1]), W(2), number(it, words[3])));
  else COMMAND("grpc-cancel", 1) *got = STATUS(proxy_grpc_cancel(number(it, words[1])));
  else COMMAND("grpc-close", 1) *got = STATUS(proxy_grpc_close(number(it, words[1])));
  else return false;
  return true;
}

static bool shared_command(root *it, bytes *words, u32 count, result *got) {
  char *given = NULL;
  u32 size = 0, value = 0;
  uint64_t total = 0;
  COMMAND("get-shared", 1) {
    *got = TEXT(proxy_get_shared_data(W(1), &given, &size, &value));
    got->value = value;
  }
  else COMMAND("set-shared", 3) *got = STATUS(proxy_set_shared_data(W(1), W(2), number(it, words[3])));
  else COMMAND("register", 1) *got = UNTOLD(proxy_register_shared_queue(W(1), &value));
  else COMMAND("resolve", 2) *got = UNTOLD(proxy_resolve_shared_queue(W(1), W(2), &value));
  else COMMAND("enqueue", 2) *got = STATUS(proxy_enqueue_shared_queue(number(it, words[1]), W(2)));
  else COMMAND("dequeue", 1) *got = TEXT(proxy_dequeue_shared_queue(number(it, words[1]), &given, &size));
  else COMMAND("define", 2) *got = VALUE(proxy_define_metric(NAMED(words[1], types), W(2), &value));
  else COMMAND("increment", 2) *got = STATUS(proxy_increment_metric(number(it, words[1]), (int32_t)number(it, words[2])));
  else COMMAND("record", 2) *got = STATUS(proxy_record_metric(number(it, words[1]), number(it, words[2])));
  else COMMAND("metric", 1) {
    *got = STATUS(proxy_get_metric(number(it, words[1]), &total));
    got->has_value = true, got->value = total;
  }
  else return false;
  return true;
}

static result foreign(bytes *words, u32 count) {
  char *given = NULL;
  u32 size = 0;
  bytes argument = count > 2 ? words[2] : (bytes){0};
  return TEXT(proxy_call_foreign_function(W(1), argument.at, argument.size, &given, &size));
}

static bool context_command(root *it, bytes *words, u32 count, result *got) {
  char *given = NULL;
  u32 size = 0, value = 0;
  uint64_t time = 0;
  COMMAND("property", 1) {
    bytes key = path(words[1]);
    *got = TEXT(proxy_get_property(key.at, key.size, &given, &size));
  }
  else COMMAND("set-property", 2) {
    bytes key = path(words[1]);
    *got = STATUS(proxy_set_property(key.at, key.size, W(2)));
  }
  else COMMAND("foreign", 1) *got = foreign(words, count);
  else COMMAND("tick", 1) *got = STATUS(proxy_set_tick_period_milliseconds(number(it, words[1])));
  else COMMAND("time", 0) {
    *got = STATUS(proxy_get_current_time_nanoseconds(&time));
    got->has_value = true, got->value = time != 0;
  }
  else COMMAND("effective", 1) {
    u32 context = is(words[1], "stream") ? it->stream : is(words[1], "root") ? it->id : number(it, words[1]);
    *got = STATUS(proxy_set_effective_context(context));
  }
  else COMMAND("status", 0) {
    *got = TEXT(proxy_get_status(&value, &given, &size));
    got->has_value = true, got->value = value;
  }
  else COMMAND("done", 0) *got = STATUS(proxy_done());
  else COMMAND("bad", 1) *got = STATUS(bad(words[1]));
#if ABI == 10
  else COMMAND("get-configuration", 0) *got = TEXT(proxy_get_configuration(&given, &size));
  else COMMAND("continue", 1) *got = STATUS(is(words[1], "request") ? proxy_continue_request() : proxy_continue_response());
  else COMMAND("clear-route-cache", 0) *got = STATUS(proxy_clear_route_cache());
#else
  else COMMAND("continue", 1) *got = STATUS(proxy_continue_stream(NAMED(words[1], streams)));
  else COMMAND("close", 1) *got = STATUS(proxy_close_stream(NAMED(words[1], streams)));
#endif
#if ABI == 21
  else COMMAND("log-level", 0) *got = VALUE(proxy_get_log_level(&value));
#endif
  else return false;
  return true;
}

static bool wasi_command(root *it, bytes *words, u32 count, result *got) {
  u32 size = 0, value = 0;
  uint64_t time = 0, stat[8];
  COMMAND("fd_write", 2) {
    u32 half = words[2].size / 2;
    bytes parts[] = {{words[2].at, half}, {words[2].at + half, words[2].size - half}};
    *got = VALUE(wasi_fd_write(number(it, words[1]), parts, 2, &value));
  }
  else COMMAND("random_get", 1) *got = STATUS(wasi_random_get(keep(number(it, words[1])), number(it, words[1])));
  else COMMAND("clock_time_get", 1) *got = STATUS(wasi_clock_time_get(number(it, words[1]), 0, &time));
  else COMMAND("environ", 0) {
    *got = VALUE(wasi_environ_sizes_get(&value, &size));
    got->text = (bytes){keep(size), size}, got->has_text = true;
    if (got->status == 0) got->status = wasi_environ_get(keep(value * sizeof(char *)), got->text.at);
  }
  else COMMAND("args", 0) *got = VALUE(wasi_args_sizes_get(&value, &size));
  else COMMAND("fd_close", 1) *got = STATUS(wasi_fd_close(number(it, words[1])));
  else COMMAND("fd_read", 1) *got = STATUS(wasi_fd_read(number(it, words[1]), &stat, 1, &size));
  else COMMAND("fd_seek", 1) *got = STATUS(wasi_fd_seek(number(it, words[1]), 0, 0, &time));
  else COMMAND("fd_fdstat_get", 1) *got = STATUS(wasi_fd_fdstat_get(number(it, words[1]), stat));
  else COMMAND("fd_prestat_get", 1) *got = STATUS(wasi_fd_prestat_get(number(it, words[1]), stat));
  else COMMAND("sched_yield", 0) *got = STATUS(wasi_sched_yield());
  else COMMAND("poll_oneoff", 0) {
    value = 7;
    *got = VALUE(wasi_poll_oneoff(stat, stat, 1, &value));
  }
  else COMMAND("path_open", 1) *got = STATUS(wasi_path_open(3, 0, W(1), 0, 0, 0, 0, &value));
  else COMMAND("proc_exit", 1) {
    wasi_proc_exit(number(it, words[1]));
    *got = STATUS(0);
  }
  else return false;
  return true;
}

// Commands that are not host calls.
static bool own_command(root *it, bytes *words, u32 count, u32 *answer) {
  COMMAND("log", 2) {
    say_bytes(words[2]);
    u32 status = end_line(NAMED(words[1], levels));
    if (status) {
      say("log -> ");
      say_number(status);
      end_line(INFO);
    }
  }
  else COMMAND("return", 1) *answer = NAMED(words[1], actions);
  else COMMAND("trap", 0) __builtin_trap();
  else return false;
  return true;
}

static bool same(bytes a, bytes b) { return a.size == b.size && memcmp(a.at, b.at, a.size) == 0; }

// Stores a value under a name; `$name` is that value.
static void name(root *it, bytes word, u32 value) {
  u32 i = 0;
  while (i < MAX_NAMES && it->names[i].size && !same(it->names[i], word)) i++;
  if (i == MAX_NAMES) abort();
  it->names[i] = word;
  it->values[i] = value;
}

void run(root *it, bytes line, bytes *words, u32 count, u32 *answer) {
  // COMMAND > NAME: stores the value of the command.
  bytes kept = {0};
  if (count > 2 && is(words[count - 2], ">")) {
    kept = words[count - 1];
    count -= 2;
  }
  // quiet COMMAND: logs only the status.
  bool quiet = is(words[0], "quiet");
  if (quiet) words++, count--;
  for (u32 i = 1; i < count; i++) {
    if (is(words[i], "$text")) words[i] = last_text;
  }
  if (own_command(it, words, count, answer)) return;
  result got;
  if (!maps_command(it, words, count, &got) && !buffers_command(it, words, count, &got) &&
      !calls_command(it, words, count, &got) && !shared_command(it, words, count, &got) &&
      !context_command(it, words, count, &got) && !wasi_command(it, words, count, &got)) {
    say("no command of this filter: ");
    say_bytes(line);
    end_line(5);
    __builtin_trap();
  }
  say_bytes(line);
  say(" -> ");
  say_number(got.status);
  if (got.has_text) {
    last_text = got.text;
    if (!quiet) {
      say(" ");
      say_shown(got.text);
    }
  }
  if (got.has_value && !quiet) {
    say(" ");
    say_number(got.value);
  }
  if (got.has_pairs) say_pairs(got.text);
  end_line(INFO);
  if (kept.size) name(it, kept, (u32)got.value);
}
