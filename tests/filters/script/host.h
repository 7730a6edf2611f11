// The functions that Envoy provides to a filter. ABI is 10, 20 or 21: 0.1.0, 0.2.0, 0.2.1.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define FROM(module, name) __attribute__((import_module(module), import_name(#name))) name
#define IMPORT(name) FROM("env", name)
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) wasi_##name
#define EXPORT(name) __attribute__((export_name(#name))) name

typedef uint32_t u32;
typedef const char *text;

u32 IMPORT(proxy_log)(u32 level, text message, u32 size);
u32 IMPORT(proxy_get_status)(u32 *code, char **message, u32 *size);
u32 IMPORT(proxy_set_property)(text path, u32 path_size, text value, u32 size);
u32 IMPORT(proxy_get_property)(text path, u32 path_size, char **value, u32 *size);
u32 IMPORT(proxy_send_local_response)(u32 code, text details, u32 details_size, text body, u32 body_size, text headers,
                                      u32 headers_size, u32 grpc_status);
u32 IMPORT(proxy_get_shared_data)(text key, u32 key_size, char **value, u32 *size, u32 *cas);
u32 IMPORT(proxy_set_shared_data)(text key, u32 key_size, text value, u32 size, u32 cas);
u32 IMPORT(proxy_register_shared_queue)(text name, u32 size, u32 *queue);
u32 IMPORT(proxy_resolve_shared_queue)(text vm, u32 vm_size, text name, u32 size, u32 *queue);
u32 IMPORT(proxy_dequeue_shared_queue)(u32 queue, char **value, u32 *size);
u32 IMPORT(proxy_enqueue_shared_queue)(u32 queue, text value, u32 size);
u32 IMPORT(proxy_get_header_map_value)(u32 map, text name, u32 name_size, char **value, u32 *size);
u32 IMPORT(proxy_add_header_map_value)(u32 map, text name, u32 name_size, text value, u32 size);
u32 IMPORT(proxy_replace_header_map_value)(u32 map, text name, u32 name_size, text value, u32 size);
u32 IMPORT(proxy_remove_header_map_value)(u32 map, text name, u32 name_size);
u32 IMPORT(proxy_get_header_map_pairs)(u32 map, char **pairs, u32 *size);
u32 IMPORT(proxy_set_header_map_pairs)(u32 map, text pairs, u32 size);
u32 IMPORT(proxy_get_header_map_size)(u32 map, u32 *size);
u32 IMPORT(proxy_get_buffer_status)(u32 buffer, u32 *size, u32 *flags);
u32 IMPORT(proxy_get_buffer_bytes)(u32 buffer, u32 start, u32 length, char **bytes, u32 *size);
u32 IMPORT(proxy_set_buffer_bytes)(u32 buffer, u32 start, u32 length, text bytes, u32 size);
u32 IMPORT(proxy_http_call)(text cluster, u32 cluster_size, text headers, u32 headers_size, text body, u32 body_size,
                            text trailers, u32 trailers_size, u32 timeout, u32 *token);
u32 IMPORT(proxy_grpc_call)(text service, u32 service_size, text name, u32 name_size, text method, u32 method_size,
                            text metadata, u32 metadata_size, text message, u32 size, u32 timeout, u32 *token);
u32 IMPORT(proxy_grpc_stream)(text service, u32 service_size, text name, u32 name_size, text method, u32 method_size,
                              text metadata, u32 metadata_size, u32 *token);
u32 IMPORT(proxy_grpc_cancel)(u32 token);
u32 IMPORT(proxy_grpc_close)(u32 token);
u32 IMPORT(proxy_grpc_send)(u32 token, text message, u32 size, u32 end);
u32 IMPORT(proxy_set_tick_period_milliseconds)(u32 period);
u32 IMPORT(proxy_get_current_time_nanoseconds)(uint64_t *time);
u32 IMPORT(proxy_define_metric)(u32 type, text name, u32 size, u32 *metric);
u32 IMPORT(proxy_increment_metric)(u32 metric, int64_t by);
u32 IMPORT(proxy_record_metric)(u32 metric, uint64_t value);
u32 IMPORT(proxy_get_metric)(u32 metric, uint64_t *value);
u32 IMPORT(proxy_set_effective_context)(u32 context);
u32 IMPORT(proxy_done)(void);
u32 IMPORT(proxy_call_foreign_function)(text name, u32 name_size, text argument, u32 size, char **result,
                                        u32 *result_size);
#if ABI == 10
u32 IMPORT(proxy_get_configuration)(char **value, u32 *size);
u32 IMPORT(proxy_continue_request)(void);
u32 IMPORT(proxy_continue_response)(void);
u32 IMPORT(proxy_clear_route_cache)(void);
#else
u32 IMPORT(proxy_continue_stream)(u32 stream);
u32 IMPORT(proxy_close_stream)(u32 stream);
#endif
#if ABI == 21
u32 IMPORT(proxy_get_log_level)(u32 *level);
#endif

u32 WASI(fd_write)(u32 fd, const void *vectors, u32 count, u32 *written);
u32 WASI(random_get)(void *bytes, u32 size);
u32 WASI(clock_time_get)(u32 id, uint64_t precision, uint64_t *time);
u32 WASI(environ_sizes_get)(u32 *count, u32 *size);
u32 WASI(environ_get)(char **variables, char *bytes);
u32 WASI(args_sizes_get)(u32 *count, u32 *size);
u32 WASI(fd_close)(u32 fd);
u32 WASI(fd_read)(u32 fd, const void *vectors, u32 count, u32 *read);
u32 WASI(fd_seek)(u32 fd, int64_t offset, u32 whence, uint64_t *position);
u32 WASI(fd_fdstat_get)(u32 fd, void *stat);
u32 WASI(fd_prestat_get)(u32 fd, void *stat);
u32 WASI(sched_yield)(void);
u32 WASI(poll_oneoff)(const void *subscriptions, void *events, u32 count, u32 *happened);
u32 WASI(path_open)(u32 fd, u32 flags, text path, u32 size, u32 open, uint64_t rights, uint64_t inherited, u32 fdflags,
                    u32 *opened);
void WASI(proc_exit)(u32 code);
