// The parts of the filter: scripts, commands, results.

#pragma once

#include <stdbool.h>

#include "host.h"

enum { MAX_WORDS = 48, MAX_BLOCKS = 64, MAX_NAMES = 16 };

// A word of a command, or the result of a host function.
typedef struct {
  char *at;
  u32 size;
} bytes;

// The commands of a script for one callback.
typedef struct {
  bytes callback;
  // The Nth call on a context, or every call if 0.
  u32 nth;
  // Only at the end of the stream, only before it, or only the first time in all contexts.
  bool end, more, first, ran;
  bytes lines;
} block;

// A plugin of this VM.
typedef struct {
  u32 id;
  bool trace;
  block blocks[MAX_BLOCKS];
  u32 count;
  // The newest stream.
  u32 stream;
  bytes names[MAX_NAMES];
  u32 values[MAX_NAMES];
} root;

// Runs the command that begins with words[0], and logs its result. `answer` is the return value of the callback.
void run(root *it, bytes line, bytes *words, u32 count, u32 *answer);

// Splits a line at spaces. "..." is one word, with \n, \r, \t, \0, \", \\ and \xNN in it.
u32 split(bytes line, bytes *words);

bool is(bytes word, text expected);
u32 number(root *it, bytes word);
bytes copy(text from, u32 size);
void *keep(u32 size);

// The current line of the log.
void say(text part);
void say_bytes(bytes part);
void say_shown(bytes part);
void say_number(uint64_t part);
void say_signed(int32_t part);
u32 end_line(u32 level);

// Passes addresses outside the memory to the host function of this name. Returns its status.
u32 bad(bytes name);
