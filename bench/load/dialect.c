#define _GNU_SOURCE
#include "dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

const struct dialect *dialect = &gim_dialect;
void (*on_text)(struct conn *, const char *, size_t);

int speak(const char *name)
{
    static const struct dialect *const all[] = {&gim_dialect, &centrifugo_dialect};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i]->name) == 0) {
            dialect = all[i];
            return 1;
        }
    return 0;
}

void check_reply(const char *text, size_t len, enum reply which)
{
    static const char *const words[] = {"a login", "a join", "a send"};
    if (!dialect->is_good(text, len, which))
        fail("expected a good reply to %s, got something else: see the log of the server", words[which]);
}

const char *content_of(uint32_t number)
{
    static char content[CONTENT_MOST + 32];
    int pad = content_size - 14, len = snprintf(content, sizeof content, NUMBER_MARK "%010u ", number);
    if (pad > 0)
        memset(content + len, '.', pad);
    content[len + (pad > 0 ? pad : 0)] = 0;
    return content;
}

uint32_t number_of(const char *text, size_t len)
{
    const char *mark = memmem(text, len, NUMBER_MARK, strlen(NUMBER_MARK));
    return mark == NULL ? 0 : (uint32_t)strtoul(mark + strlen(NUMBER_MARK), NULL, 10);
}

/* Centrifugo puts several messages into a frame, one a line; in a frame of gim there is no line feed. */
void sort_out(struct conn *c, const char *frame, size_t len)
{
    const char *end = frame + len, *stop;
    for (; frame < end; frame = stop + 1) {
        stop = memchr(frame, '\n', end - frame);
        if (stop == NULL)
            stop = end;
        if (stop - frame == 2) /* {}: a ping of Centrifugo, whose answer is the same */
            net_send(c, frame, 2);
        else if (stop > frame)
            on_text(c, frame, stop - frame);
    }
}
