#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "load.h"

static unsigned acked;
static uint64_t delivered;

/* A push has any number of messages; each member must get all of them, in order. */
static void batch_came(struct conn *c, const char *text, size_t len)
{
    if (!dialect->is_push(text, len)) {
        check_reply(text, len, SENT);
        acked++;
        return;
    }
    const char *end = text + len;
    while ((text = memmem(text, end - text, NUMBER_MARK, strlen(NUMBER_MARK))) != NULL) {
        if (number_of(text, end - text) == c->got_push + 1) {
            c->got_push++;
            delivered++;
        } else {
            unexpected++;
        }
        text += strlen(NUMBER_MARK);
    }
}

double cmd_batched(const char *room, unsigned size, unsigned rounds, double every)
{
    double began = now();
    uint64_t frames = frames_in, bytes = bytes_in, sent = 0;
    on_text = batch_came;
    delivered = 0;
    for (unsigned i = 0; i < count; i++)
        conns[i].got_push = 0;
    for (unsigned i = 0; i < rounds; i++) {
        double start = now();
        acked = 0;
        for (unsigned n = 0; n < size; n++) {
            sent++;
            dialect->send_to(&conns[0], ROOM, room, content_of(sent), sent);
        }
        while ((delivered < sent * count && unexpected == 0) || acked < size)
            net_turn(FOREVER);
        samples_add(&pushes, now() - start);
        while (i + 1 < rounds && now() < start + every)
            net_turn(start + every);
    }
    printf("\"delivered\":%llu,\"frames\":%llu,\"bytes\":%llu,", (unsigned long long)delivered,
           (unsigned long long)(frames_in - frames), (unsigned long long)(bytes_in - bytes));
    samples_print(&pushes, "batch_us");
    return now() - began;
}
