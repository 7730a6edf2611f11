// Runs the commands that its configuration lists for each callback, and logs their results. See tests/conformance/README.md.

#include <stdlib.h>
#include <string.h>

#include "script.h"

enum { MAX_ROOTS = 16, MAX_CONTEXTS = 512, MAX_CALLBACKS = 32 };

static root roots[MAX_ROOTS];
static u32 root_count;

static struct {
  u32 id;
  root *root;
  text callbacks[MAX_CALLBACKS];
  u32 counts[MAX_CALLBACKS];
} contexts[MAX_CONTEXTS];
static u32 context_count;

#if ABI == 10
void EXPORT(proxy_abi_version_0_1_0)(void) {}
#elif ABI == 20
void EXPORT(proxy_abi_version_0_2_0)(void) {}
#else
void EXPORT(proxy_abi_version_0_2_1)(void) {}
#endif

// Memory for data from the host.
void *EXPORT(proxy_on_memory_allocate)(size_t size) { return malloc(size); }

static root *root_of(u32 id) {
  for (u32 i = 0; i < root_count; i++) {
    if (roots[i].id == id) return &roots[i];
  }
  if (root_count == MAX_ROOTS) abort();
  roots[root_count].id = id;
  return &roots[root_count++];
}

static u32 slot_of(u32 id) {
  for (u32 i = context_count; i-- > 0;) {
    if (contexts[i].id == id) return i;
  }
  if (context_count == MAX_CONTEXTS) abort();
  contexts[context_count].id = id;
  contexts[context_count].root = NULL;
  return context_count++;
}

static void parse_block(root *it, bytes *words, u32 count) {
  if (it->count == MAX_BLOCKS || count < 2) abort();
  block *next = &it->blocks[it->count++];
  *next = (block){.callback = words[1]};
  for (u32 i = 2; i < count; i++) {
    if (is(words[i], "end")) next->end = true;
    else if (is(words[i], "more")) next->more = true;
    else if (is(words[i], "first")) next->first = true;
    else next->nth = number(it, words[i]);
  }
}

static bytes next_line(bytes *rest) {
  u32 size = 0;
  while (size < rest->size && rest->at[size] != '\n') size++;
  bytes line = {rest->at, size};
  u32 skipped = size < rest->size ? size + 1 : size;
  rest->at += skipped;
  rest->size -= skipped;
  while (line.size && (line.at[0] == ' ' || line.at[0] == '\t')) line.at++, line.size--;
  return line;
}

static void parse(root *it, bytes script) {
  bytes words[MAX_WORDS];
  while (script.size) {
    bytes line = next_line(&script);
    u32 count = split(line, words);
    if (count == 0 || line.at[0] == '#') continue;
    if (is(words[0], "trace")) it->trace = true;
    else if (is(words[0], "on")) parse_block(it, words, count);
    else if (it->count == 0) abort();
    else {
      bytes *lines = &it->blocks[it->count - 1].lines;
      if (lines->size == 0) lines->at = line.at;
      lines->size = (u32)(line.at + line.size - lines->at);
    }
  }
}

// Runs the blocks of a callback. `end` is 1 or 0, or -1 if the callback does not know whether the stream ends.
static u32 callback(u32 context, text name, int end, u32 answer) {
  u32 slot = slot_of(context);
  root *it = contexts[slot].root ? contexts[slot].root : root_of(context);
  u32 index = 0;
  text *known = contexts[slot].callbacks;
  while (index < MAX_CALLBACKS - 1 && known[index] && strcmp(known[index], name)) index++;
  known[index] = name;
  u32 nth = ++contexts[slot].counts[index];
  for (u32 i = 0; i < it->count; i++) {
    block *next = &it->blocks[i];
    if (!is(next->callback, name) || (next->nth && next->nth != nth)) continue;
    if ((next->end && end != 1) || (next->more && end != 0)) continue;
    if (next->first && next->ran) continue;
    next->ran = true;
    bytes words[MAX_WORDS], rest = next->lines;
    while (rest.size) {
      bytes line = next_line(&rest);
      u32 count = split(line, words);
      if (count && line.at[0] != '#') run(it, line, words, count, &answer);
    }
  }
  return answer;
}

static bool traced(u32 context) {
  root *of = contexts[slot_of(context)].root;
  return (of ? of : root_of(context))->trace;
}

// Logs the callback if the script traces.
static void trace(u32 context, text name, int32_t a, int32_t b, int32_t c, int32_t d) {
  if (!traced(context)) return;
  int32_t arguments[] = {a, b, c, d};
  say("> ");
  say(name);
  for (u32 i = 0; i < 4 && arguments[i] != INT32_MIN; i++) {
    say(" ");
    say_signed(arguments[i]);
  }
  end_line(2);
}

enum { NONE = INT32_MIN };

void EXPORT(proxy_on_context_create)(u32 context, u32 parent) {
  u32 slot = slot_of(context);
  memset(&contexts[slot], 0, sizeof contexts[slot]);
  contexts[slot].id = context;
  if (parent == 0) return;
  root *it = root_of(parent);
  contexts[slot].root = it;
  it->stream = context;
  trace(context, "context_create", NONE, NONE, NONE, NONE);
  callback(context, "context_create", -1, 0);
}

u32 EXPORT(proxy_on_vm_start)(u32 context, u32 size) {
  char *script = NULL;
  if (size && proxy_get_buffer_bytes(6, 0, size, &script, &size) == 0) parse(root_of(context), copy(script, size));
  trace(context, "vm_start", (int32_t)size, NONE, NONE, NONE);
  return callback(context, "vm_start", -1, 1);
}

u32 EXPORT(proxy_on_configure)(u32 context, u32 size) {
  char *script = NULL;
  if (size && proxy_get_buffer_bytes(7, 0, size, &script, &size) == 0) parse(root_of(context), copy(script, size));
  trace(context, "configure", (int32_t)size, NONE, NONE, NONE);
  return callback(context, "configure", -1, 1);
}

// Callbacks with their arguments, and whether one of the arguments is the end of the stream.
#define ON2(name, end, answer)                                                                                         \
  u32 EXPORT(proxy_on_##name)(u32 context, u32 a) {                                                                    \
    trace(context, #name, (int32_t)a, NONE, NONE, NONE);                                                               \
    return callback(context, #name, end, answer);                                                                      \
  }
#define ON3(name, answer)                                                                                              \
  u32 EXPORT(proxy_on_##name)(u32 context, u32 a, u32 b) {                                                             \
    trace(context, #name, (int32_t)a, (int32_t)b, NONE, NONE);                                                         \
    return callback(context, #name, b != 0, answer);                                                                   \
  }
#define TELLS(name, parameters, a, b, c, d)                                                                            \
  void EXPORT(proxy_on_##name) parameters {                                                                            \
    trace(context, #name, (int32_t)a, (int32_t)b, (int32_t)c, (int32_t)d);                                             \
    callback(context, #name, -1, 0);                                                                                   \
  }

#if ABI == 10
ON2(request_headers, -1, 0)
ON2(response_headers, -1, 0)
#else
ON3(request_headers, 0)
ON3(response_headers, 0)
TELLS(foreign_function, (u32 context, u32 a, u32 b), a, b, NONE, NONE)
#endif
ON3(request_body, 0)
ON3(response_body, 0)
ON2(request_trailers, -1, 0)
ON2(response_trailers, -1, 0)
ON2(request_metadata, -1, 0)
ON2(response_metadata, -1, 0)
TELLS(tick, (u32 context), NONE, NONE, NONE, NONE)
TELLS(http_call_response, (u32 context, u32 token, u32 headers, u32 body, u32 trailers), token, headers, body, trailers)
TELLS(grpc_receive_initial_metadata, (u32 context, u32 token, u32 count), token, count, NONE, NONE)
TELLS(grpc_receive, (u32 context, u32 token, u32 size), token, size, NONE, NONE)
TELLS(grpc_receive_trailing_metadata, (u32 context, u32 token, u32 count), token, count, NONE, NONE)
TELLS(grpc_close, (u32 context, u32 token, u32 status), token, status, NONE, NONE)

// The number of a queue depends on the queues of other VMs.
void EXPORT(proxy_on_queue_ready)(u32 context, u32 queue) {
  (void)queue;
  trace(context, "queue_ready", NONE, NONE, NONE, NONE);
  callback(context, "queue_ready", -1, 0);
}

TELLS(log, (u32 context), NONE, NONE, NONE, NONE)
TELLS(delete, (u32 context), NONE, NONE, NONE, NONE)

u32 EXPORT(proxy_on_done)(u32 context) {
  trace(context, "done", NONE, NONE, NONE, NONE);
  return callback(context, "done", -1, 1);
}
