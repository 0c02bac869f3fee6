#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define JOINING 64 /* connections that join a chatroom at a time */

static unsigned done, room_for;

static void logged_in(struct conn *c, const char *text, size_t len)
{
    check_reply(text, len, LOGGED_IN);
    samples_add(&acks, now() - c->began);
    done++;
}

static void shaken(struct conn *c)
{
    samples_add(&acks, now() - c->began);
    done++;
}

static void make_room(unsigned n)
{
    if (count + n > room_for) {
        if (count > 0) /* epoll holds pointers into it */
            fail("connect: at most %u connections without a close between", room_for);
        room_for = n > 20000 ? n : 20000;
        conns = calloc(room_for, sizeof *conns);
    }
}

static void open_next(void)
{
    conns[count].id = first_id + count;
    net_open(&conns[count], second_port && count % 2 ? second_port : port);
    count++;
}

double cmd_connect(unsigned n, unsigned at_a_time, int with_login)
{
    unsigned opened = 0;
    double began = now();
    make_room(n);
    on_open = with_login ? dialect->log_in : shaken;
    on_text = logged_in;
    for (done = 0; done < n; net_turn(FOREVER))
        for (; opened < n && opened - done < at_a_time; opened++)
            open_next();
    printf("\"connections\":%u,", n);
    samples_print(&acks, "login_us");
    return now() - began;
}

double cmd_arrive(unsigned n, double seconds)
{
    unsigned opened = 0;
    double began = now();
    make_room(n);
    on_open = dialect->log_in;
    on_text = logged_in;
    for (done = 0; done < n; net_turn(opened < n ? began + opened * seconds / n : FOREVER))
        for (; opened < n && now() >= began + opened * seconds / n; opened++) {
            open_next();
            conns[count - 1].began = began + opened * seconds / n;
        }
    printf("\"connections\":%u,", n);
    samples_print(&acks, "login_us");
    return now() - began;
}

/* join */

static void joined(struct conn *c, const char *text, size_t len)
{
    (void)c;
    check_reply(text, len, JOINED);
    done++;
}

double cmd_join(const char *room)
{
    double began = now();
    unsigned asked = 0;
    on_text = joined;
    for (done = 0; done < count; net_turn(FOREVER))
        for (; asked < count && asked - done < JOINING; asked++)
            dialect->join(&conns[asked], room);
    return now() - began;
}

double cmd_ports(void)
{
    double began = now();
    printf("\"ports\":[");
    for (unsigned i = 0; i < count; i++) {
        struct sockaddr_in own;
        socklen_t size = sizeof own;
        if (getsockname(conns[i].fd, (struct sockaddr *)&own, &size) < 0)
            fail("no port of connection %u: %s", conns[i].id, strerror(errno));
        printf("%s%u", i ? "," : "", ntohs(own.sin_port));
    }
    printf("],");
    return now() - began;
}

double cmd_close(void)
{
    double began = now();
    for (unsigned i = 0; i < count; i++)
        net_close(&conns[i]);
    count = 0;
    return now() - began;
}
