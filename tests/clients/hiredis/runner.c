/* Sends what it reads through hiredis and prints the replies; `../runner.rs` tells both formats.
 *
 *     runner PORT 2 plain|pipeline|transaction
 *
 * hiredis before 1.0 speaks RESP2 only. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 64, MOST_COMMANDS = 4096 };

static redisContext *redis;

static void fail(const char *why) {
    fprintf(stderr, "%s: %s\n", why, redis != NULL ? redis->errstr : "");
    exit(1);
}

static void print_string(const char *text, size_t length) {
    putchar('"');
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') putchar(byte);
        else printf("\\u%04x", byte);
    }
    putchar('"');
}

static void print_reply(const redisReply *reply) {
    switch (reply->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: print_string(reply->str, reply->len); break;
    case REDIS_REPLY_INTEGER: printf("%lld", reply->integer); break;
    case REDIS_REPLY_NIL: printf("null"); break;
    case REDIS_REPLY_ERROR:
        printf("{\"error\":");
        print_string(reply->str, reply->len);
        putchar('}');
        break;
    case REDIS_REPLY_ARRAY:
        putchar('[');
        for (size_t at = 0; at < reply->elements; at++) {
            if (at > 0) putchar(',');
            print_reply(reply->element[at]);
        }
        putchar(']');
        break;
    default: printf("{\"unexpected\":\"type %d\"}", reply->type);
    }
}

static void print_line(const redisReply *reply) {
    print_reply(reply);
    putchar('\n');
}

static redisReply *next_reply(void) {
    void *reply;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail("no reply");
    return reply;
}

/* Undoes %XX in place and returns the length. */
static size_t unescape(char *word) {
    char *to = word;
    for (const char *from = word; *from != '\0'; from++, to++) {
        char digits[3] = {0};
        if (*from != '%') {
            *to = *from;
            continue;
        }
        memcpy(digits, from + 1, 2);
        *to = (char)strtol(digits, NULL, 16);
        from += 2;
    }
    return (size_t)(to - word);
}

static void append(char *line) {
    const char *words[MOST_WORDS];
    size_t lengths[MOST_WORDS];
    int count = 0;
    for (char *word; (word = strsep(&line, " ")) != NULL; count++) {
        if (count == MOST_WORDS) fail("too many words");
        words[count] = word;
        lengths[count] = unescape(word);
    }
    if (redisAppendCommandArgv(redis, count, words, lengths) != REDIS_OK) fail("append");
}

static void skip_replies(size_t count) {
    for (size_t nth = 0; nth < count; nth++) freeReplyObject(next_reply());
}

static void print_replies(size_t count) {
    for (size_t nth = 0; nth < count; nth++) {
        redisReply *reply = next_reply();
        print_line(reply);
        freeReplyObject(reply);
    }
}

static void send_all(char **lines, size_t count) {
    for (size_t nth = 0; nth < count; nth++) append(lines[nth]);
}

static void send_batch(const char *mode, char **lines, size_t count) {
    if (strcmp(mode, "pipeline") == 0) {
        send_all(lines, count);
        print_replies(count);
    } else if (strcmp(mode, "transaction") == 0) {
        redisAppendCommand(redis, "MULTI");
        send_all(lines, count);
        redisAppendCommand(redis, "EXEC");
        skip_replies(1 + count);
        redisReply *exec = next_reply();
        if (exec->type != REDIS_REPLY_ARRAY) fail(exec->str);
        for (size_t nth = 0; nth < exec->elements; nth++) print_line(exec->element[nth]);
        freeReplyObject(exec);
    } else {
        for (size_t nth = 0; nth < count; nth++) {
            send_all(lines + nth, 1);
            print_replies(1);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 4 || strcmp(argv[2], "2") != 0) fail("usage: runner PORT 2 plain|pipeline|transaction");
    redis = redisConnect("127.0.0.1", atoi(argv[1]));
    if (redis == NULL || redis->err) fail("cannot connect");

    char *lines[MOST_COMMANDS];
    size_t count = 0, capacity = 0;
    ssize_t length;
    for (char *line = NULL; (length = getline(&line, &capacity, stdin)) != -1; line = NULL, capacity = 0) {
        line[length - 1] = '\0';
        if (length > 1) {
            if (count == MOST_COMMANDS) fail("too many commands");
            lines[count++] = line;
            continue;
        }
        free(line);
        send_batch(argv[3], lines, count);
        fflush(stdout);
        while (count > 0) free(lines[--count]);
    }
    redisFree(redis);
    return 0;
}
