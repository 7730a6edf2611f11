// Adds `x-from: c` to responses. Without an SDK: the parts of ABI 0.2.1 that it needs are declared here.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name))) name
#define EXPORT(name) __attribute__((export_name(#name))) name

enum { OK = 0 };
enum { LOG_INFO = 2 };
enum { CONTINUE = 0 };
enum { RESPONSE_HEADERS = 2 };
enum { PLUGIN_CONFIGURATION = 7 };

uint32_t IMPORT(proxy_log)(uint32_t level, const char *text, size_t size);
uint32_t IMPORT(proxy_get_buffer_bytes)(uint32_t buffer, size_t start, size_t length, char **bytes, size_t *size);
uint32_t IMPORT(proxy_add_header_map_value)(uint32_t map, const char *name, size_t name_size, const char *value,
                                            size_t value_size);

static const char header[] = "x-from";
// A VM can have several root contexts, each with a configuration. This one has only one.
static char *value = "c";
static size_t value_size = 1;

void EXPORT(proxy_abi_version_0_2_1)(void) {}

// Memory for data from the host. The module owns it.
void *EXPORT(proxy_on_memory_allocate)(size_t size) { return malloc(size); }

void EXPORT(proxy_on_context_create)(uint32_t context, uint32_t root) {
  (void)context;
  (void)root;
}

uint32_t EXPORT(proxy_on_vm_start)(uint32_t root, size_t size) {
  (void)root;
  (void)size;
  // With WASI, as in libc.
  return puts("c starts") >= 0 && fflush(stdout) == 0;
}

uint32_t EXPORT(proxy_on_configure)(uint32_t root, size_t size) {
  (void)root;
  if (size > 0 && proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &value, &value_size) != OK) {
    return 0;
  }
  static const char text[] = "c is configured";
  return proxy_log(LOG_INFO, text, strlen(text)) == OK;
}

uint32_t EXPORT(proxy_on_request_headers)(uint32_t context, uint32_t count, uint32_t end) {
  (void)context;
  (void)count;
  (void)end;
  return CONTINUE;
}

uint32_t EXPORT(proxy_on_response_headers)(uint32_t context, uint32_t count, uint32_t end) {
  (void)context;
  (void)count;
  (void)end;
  proxy_add_header_map_value(RESPONSE_HEADERS, header, strlen(header), value, value_size);
  return CONTINUE;
}
