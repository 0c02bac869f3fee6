#include <stdio.h>
#include <stdlib.h>

#include "load.h"

static unsigned pairs_of;       /* connections that take part: the first ones */
static unsigned in_flight;      /* the most per connection; 0: paced */
static int sending;             /* until the time is over */
static uint64_t finished;       /* messages with ack and push */

static struct conn *peer_of(struct conn *c)
{
    return &conns[(c - conns) ^ 1];
}

static uint32_t least_done(const struct conn *c)
{
    return c->acked < c->pushed ? c->acked : c->pushed;
}

static void send_private(struct conn *c, double due)
{
    char target[16];
    if (c->sent - least_done(c) >= RING)
        fail("%d messages of one connection wait for the server: it is too slow for this pace", RING);
    snprintf(target, sizeof target, "u%u", peer_of(c)->id);
    c->sent_at[c->sent++ % RING] = due;
    dialect->send_to(c, USER, target, content_of(c->sent), c->sent);
}

static void fill(struct conn *c)
{
    while (sending && c->sent - least_done(c) < in_flight)
        send_private(c, now());
}

static void went(struct conn *c, const char *text, size_t len)
{
    double at = now();
    struct conn *sender = c;
    uint32_t before, number;
    if (dialect->is_push(text, len)) {
        sender = peer_of(c);
        before = least_done(sender);
        number = number_of(text, len);
        if (number != sender->pushed + 1)
            unexpected++;
        samples_add(&pushes, at - sender->sent_at[sender->pushed++ % RING]);
    } else {
        check_reply(text, len, SENT);
        before = least_done(sender);
        samples_add(&acks, at - sender->sent_at[sender->acked++ % RING]);
    }
    finished += least_done(sender) - before;
    if (in_flight > 0)
        fill(sender);
}

static void begin_private(unsigned conns_used)
{
    if (conns_used > count || conns_used % 2)
        fail("want an even number of connections, %u at most", count);
    pairs_of = conns_used;
    on_text = went;
    sending = 1;
    finished = 0;
    for (unsigned i = 0; i < pairs_of; i++)
        if (conns[i].sent_at == NULL)
            conns[i].sent_at = calloc(RING, sizeof(double));
}

static uint64_t sent_in_all(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < pairs_of; i++)
        sum += conns[i].sent;
    return sum;
}

static double end_private(double began, uint64_t before)
{
    sending = 0;
    while (finished < sent_in_all() - before)
        net_turn(FOREVER);
    double wall = now() - began;
    printf("\"messages\":%llu,\"per_s\":%.0f,", (unsigned long long)finished, finished / wall);
    samples_print(&acks, "ack_us");
    samples_print(&pushes, "push_us");
    return wall;
}

double cmd_private(unsigned conns_used, unsigned window, double seconds)
{
    double began = now();
    in_flight = window < 1 ? 1 : window > RING ? RING : window;
    begin_private(conns_used);
    uint64_t before = sent_in_all();
    for (unsigned i = 0; i < pairs_of; i++)
        fill(&conns[i]);
    while (now() < began + seconds)
        net_turn(began + seconds);
    return end_private(began, before);
}

double cmd_paced(unsigned conns_used, double rate, double seconds)
{
    double began = now();
    in_flight = 0;
    begin_private(conns_used);
    uint64_t before = sent_in_all(), total = (uint64_t)(rate * seconds);
    for (uint64_t i = 0; i < total; i++) {
        double due = began + i / rate;
        while (now() < due)
            net_turn(due);
        send_private(&conns[i % pairs_of], due);
        net_turn(0);
    }
    return end_private(began, before);
}
