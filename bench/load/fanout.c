#include <stdio.h>
#include <unistd.h>

#include "load.h"

static uint32_t round_number;
static int acked;
static unsigned done;

static void fanned_out(struct conn *c, const char *text, size_t len)
{
    if (!dialect->is_push(text, len)) {
        check_reply(text, len, SENT);
        acked = 1;
    } else if (number_of(text, len) == round_number && c->got_push != round_number) {
        c->got_push = round_number;
        done++;
    } else {
        unexpected++;
    }
}

double cmd_fanout(const char *room, unsigned rounds, double every, double wait)
{
    double began = now(), pushing = 0;
    uint64_t frames = frames_in, bytes = bytes_in;
    on_text = fanned_out;
    for (unsigned i = 0; i < rounds; i++) {
        double start = now();
        round_number++;
        done = 0;
        acked = 0;
        dialect->send_to(&conns[0], ROOM, room, content_of(round_number), round_number);
        if (wait > 0) {
            usleep((useconds_t)(wait * 1e6));
            start = now();
        }
        while (done < count || !acked)
            net_turn(FOREVER);
        double end = now();
        samples_add(&pushes, end - start);
        pushing += end - start;
        while (i + 1 < rounds && now() < start + every)
            net_turn(start + every);
    }
    frames = frames_in - frames;
    bytes = bytes_in - bytes;
    printf("\"pushes\":%u,\"frames\":%llu,\"bytes_per_frame\":%.1f,\"frames_per_s\":%.0f,", rounds,
           (unsigned long long)frames, frames ? (double)bytes / frames : 0, pushing > 0 ? frames / pushing : 0);
    samples_print(&pushes, "push_us");
    return now() - began;
}
