// The parts of the filter: what a script is, what a command does, what comes of it.

#pragma once

#include <stdbool.h>

#include "host.h"

enum { MAX_WORDS = 48, MAX_BLOCKS = 64, MAX_NAMES = 16 };

// A word of a command, or what a host function gave.
typedef struct {
  char *at;
  u32 size;
} bytes;

// What a script does in one callback.
typedef struct {
  bytes callback;
  // The how manieth time on a context; 0: every time.
  u32 nth;
  // Only with the end of the stream, only without it, or only the first time of all contexts.
  bool end, more, first, ran;
  bytes lines;
} block;

// A plugin of this VM.
typedef struct {
  u32 id;
  bool trace;
  block blocks[MAX_BLOCKS];
  u32 count;
  // The stream that was created last.
  u32 stream;
  bytes names[MAX_NAMES];
  u32 values[MAX_NAMES];
} root;

// Runs a command that begins with words[0]. Logs what came of it. `answer` is what the callback returns.
void run(root *it, bytes line, bytes *words, u32 count, u32 *answer);

// Splits a line at its blanks. "..." is one word, with \n, \r, \t, \0, \", \\ and \xNN in it.
u32 split(bytes line, bytes *words);

bool is(bytes word, text expected);
u32 number(root *it, bytes word);
bytes copy(text from, u32 size);
void *keep(u32 size);

// The line of the log that is being written.
void say(text part);
void say_bytes(bytes part);
void say_shown(bytes part);
void say_number(uint64_t part);
void say_signed(int32_t part);
u32 end_line(u32 level);

// Passes addresses outside of the memory to the host function of this name; its status.
u32 bad(bytes name);
