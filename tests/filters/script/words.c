// Words, numbers and the current line of the log.

#include <stdlib.h>
#include <string.h>

#include "script.h"

enum { SHOWN = 240, LINE = 4096 };

void *keep(u32 size) {
  void *at = malloc(size ? size : 1);
  if (!at) abort();
  return at;
}

bytes copy(text from, u32 size) {
  bytes it = {keep(size), size};
  memcpy(it.at, from, size);
  return it;
}

bool is(bytes word, text expected) { return word.size == strlen(expected) && memcmp(word.at, expected, word.size) == 0; }

static u32 digit(char it) {
  if (it >= '0' && it <= '9') return (u32)(it - '0');
  if (it >= 'a' && it <= 'f') return (u32)(it - 'a') + 10;
  abort();
}

static bytes quoted(bytes *line) {
  bytes word = {keep(line->size), 0};
  u32 i = 1;
  for (; i < line->size && line->at[i] != '"'; i++) {
    char next = line->at[i];
    if (next == '\\') {
      switch (next = line->at[++i]) {
        case 'n': next = '\n'; break;
        case 'r': next = '\r'; break;
        case 't': next = '\t'; break;
        case '0': next = 0; break;
        case 'x':
          next = (char)(digit(line->at[i + 1]) * 16 + digit(line->at[i + 2]));
          i += 2;
      }
    }
    word.at[word.size++] = next;
  }
  line->at += i + 1;
  line->size = line->size > i + 1 ? line->size - i - 1 : 0;
  return word;
}

u32 split(bytes line, bytes *words) {
  u32 count = 0;
  while (line.size) {
    if (line.at[0] == ' ') {
      line.at++, line.size--;
      continue;
    }
    if (count == MAX_WORDS) abort();
    if (line.at[0] == '"') {
      words[count++] = quoted(&line);
      continue;
    }
    u32 size = 0;
    while (size < line.size && line.at[size] != ' ') size++;
    words[count++] = (bytes){line.at, size};
    line.at += size;
    line.size -= size;
  }
  return count;
}

u32 number(root *it, bytes word) {
  if (word.size && word.at[0] == '$') {
    bytes name = {word.at + 1, word.size - 1};
    for (u32 i = 0; i < MAX_NAMES; i++) {
      if (it->names[i].size == name.size && memcmp(it->names[i].at, name.at, name.size) == 0) return it->values[i];
    }
    abort();
  }
  bool negative = word.size && word.at[0] == '-';
  u32 value = 0;
  for (u32 i = negative; i < word.size; i++) value = value * 10 + digit(word.at[i]);
  return negative ? 0 - value : value;
}

static char line[LINE];
static u32 length;

void say_bytes(bytes part) {
  for (u32 i = 0; i < part.size && length < LINE; i++) line[length++] = part.at[i];
}

void say(text part) { say_bytes((bytes){(char *)part, (u32)strlen(part)}); }

void say_number(uint64_t part) {
  char digits[20];
  u32 at = sizeof digits;
  do digits[--at] = (char)('0' + part % 10);
  while (part /= 10);
  say_bytes((bytes){digits + at, (u32)(sizeof digits - at)});
}

void say_signed(int32_t part) {
  if (part < 0) say("-");
  say_number(part < 0 ? 0 - (uint64_t)(int64_t)part : (uint64_t)part);
}

void say_shown(bytes part) {
  static const char hex[] = "0123456789abcdef";
  say("\"");
  for (u32 i = 0; i < part.size && i < SHOWN; i++) {
    unsigned char next = (unsigned char)part.at[i];
    char escape[] = {'\\', 'x', hex[next >> 4], hex[next & 15], 0};
    if (next < ' ' || next > '~') say(escape);
    else say_bytes((bytes){&part.at[i], 1});
  }
  say("\"");
  if (part.size > SHOWN) {
    say(" of ");
    say_number(part.size);
  }
}

u32 end_line(u32 level) {
  u32 status = proxy_log(level, line, length);
  length = 0;
  return status;
}
