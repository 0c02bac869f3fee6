#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

int op_of(const char *text, size_t len)
{
    return len > 9 && memcmp(text, "{\"op\":", 6) == 0 ? atoi(text + 6) : -1;
}

void check_reply(const char *text, size_t len, int op)
{
    if (op_of(text, len) != op || memmem(text, len, "\\\"code\\\":0,", 11) == NULL)
        fail("expected a good %d, got something else: see the log of the server", op);
}

uint32_t number_of(const char *text, size_t len)
{
    const char *mark = memmem(text, len, "no=", 3);
    return mark == NULL ? 0 : (uint32_t)strtoul(mark + 3, NULL, 10);
}

void send_to(struct conn *c, int type, const char *target, uint32_t number)
{
    static const char padding[] = "................................................................"
                                  "................................................................";
    char text[1024];
    int pad = content_size - 14;
    int len = snprintf(text, sizeof text,
                       "{\"op\":201,\"body\":\"{\\\"type\\\":%d,\\\"target_id\\\":\\\"%s\\\","
                       "\\\"content\\\":\\\"no=%010u %.*s\\\"}\",\"seq\":%u}",
                       type, target, number, pad < 0 ? 0 : pad, padding, number);
    net_send(c, text, len);
}
