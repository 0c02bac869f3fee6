/* The load generator: see usage() below, and bench/README.md. One thread, one epoll, 127.0.0.1 only. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct conn *conns;
unsigned count, first_id;
int port, second_port, content_size = 64;
struct samples acks, pushes;
uint64_t unexpected;

static double timeout = 120;

static void usage(void)
{
    fputs("usage: load [-t SECONDS] [-f FIRST_ID] [-s CONTENT_BYTES] [-p SECOND_PORT] [-d DIALECT] PORT COMMAND...\n"
          "Runs the commands one after the other on 127.0.0.1:PORT and prints a JSON object, one line,\n"
          "for each; latencies are in microseconds. The command - reads commands from stdin, one a line.\n"
          "  connect N AT_A_TIME          N more connections: handshake and login, as u0, u1, u2 ...\n"
          "  open N AT_A_TIME             the same without a login: the handshake only\n"
          "  arrive N SECONDS             N more connections, evenly over that time whatever the server does;\n"
          "                               latencies count from when each was due\n"
          "  ports                        the local port of each connection, in the order of their ids\n"
          "  join ROOM                    all connections join the chatroom\n"
          "  fanout ROOM COUNT EVERY_MS   COUNT messages of the first connection, each when all members\n"
          "                               have got the one before, and EVERY_MS after its start\n"
          "  drain ROOM COUNT WAIT_MS     as fanout, but read only when all of a push waits to be read,\n"
          "                               which must be so after WAIT_MS: how fast this program can read\n"
          "  batched ROOM SIZE COUNT EVERY_MS  COUNT batches of SIZE messages of the first connection, each\n"
          "                               when all members have got all of the one before, and EVERY_MS after\n"
          "                               its start\n"
          "  private CONNS INFLIGHT SECONDS  pairs send to each other; a message is under way until its\n"
          "                               sender has the ack and its receiver the push\n"
          "  paced CONNS RATE SECONDS     the same, RATE messages a second in all, on time whatever the\n"
          "                               server does; latencies count from when each was due\n"
          "  close                        hang up all connections\n"
          "-t is the most that one command may take (120). With -p, every other connection is made to\n"
          "SECOND_PORT, so that the two of a pair are at different servers. The dialects are gim and\n"
          "centrifugo.\n",
          stderr);
    exit(2);
}

static double cpu(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double obey(const char *line)
{
    char word[64];
    unsigned a, b;
    double x, y;
    if (sscanf(line, "batched %63s %u %u %lf", word, &a, &b, &x) == 4 && count > 0)
        return cmd_batched(word, a, b, x / 1000);
    if (sscanf(line, "connect %u %u", &a, &b) == 2 && b > 0)
        return cmd_connect(a, b, 1);
    if (sscanf(line, "open %u %u", &a, &b) == 2 && b > 0)
        return cmd_connect(a, b, 0);
    if (sscanf(line, "arrive %u %lf", &a, &x) == 2 && a > 0)
        return cmd_arrive(a, x);
    if (strncmp(line, "ports", 5) == 0)
        return cmd_ports();
    if (sscanf(line, "join %63s", word) == 1)
        return cmd_join(word);
    if (sscanf(line, "fanout %63s %u %lf", word, &a, &x) == 3 && count > 0)
        return cmd_fanout(word, a, x / 1000, 0);
    if (sscanf(line, "drain %63s %u %lf", word, &a, &x) == 3 && count > 0)
        return cmd_fanout(word, a, 0, x / 1000);
    if (sscanf(line, "private %u %u %lf", &a, &b, &x) == 3)
        return cmd_private(a, b, x);
    if (sscanf(line, "paced %u %lf %lf", &a, &x, &y) == 3 && a > 0 && x > 0)
        return cmd_paced(a, x, y);
    if (strncmp(line, "close", 5) == 0)
        return cmd_close();
    fail("no such command, or not now");
}

static void run(const char *line)
{
    double used = cpu(), wall;
    uint64_t frames = frames_in, bytes = bytes_in;
    give_up_at = now() + timeout;
    unexpected = 0;
    printf("{");
    wall = obey(line);
    printf("\"frames_in\":%llu,\"bytes_in\":%llu,\"unexpected\":%llu,\"wall_s\":%.6f,\"generator_cpu_s\":%.6f}\n",
           (unsigned long long)(frames_in - frames), (unsigned long long)(bytes_in - bytes),
           (unsigned long long)unexpected, wall, cpu() - used);
    fflush(stdout);
}

static void ignore_text(struct conn *c, const char *text, size_t len)
{
    (void)c, (void)text, (void)len;
}

/* Between two commands the connections are served: their pings are answered. */
static void obey_stdin(void)
{
    char line[256];
    net_watch(0);
    for (;;) {
        on_text = ignore_text;
        give_up_at = FOREVER;
        for (net_readable = 0; !net_readable;)
            net_turn(now() + 3600);
        size_t len = 0; /* no stdio: what it reads ahead, epoll would not tell */
        while (len < sizeof line - 1 && read(0, line + len, 1) == 1 && line[len] != '\n')
            len++;
        if (len == 0)
            return;
        line[len] = 0;
        run(line);
    }
}

int main(int argc, char **argv)
{
    int option;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlive whoever started this */
    prctl(PR_SET_TIMERSLACK, 1000);   /* nanoseconds: paced messages leave on time */
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOFBF, 4096);
    while ((option = getopt(argc, argv, "+t:f:s:p:d:")) != -1) {
        if (option == 't')
            timeout = atof(optarg);
        else if (option == 'f')
            first_id = strtoul(optarg, NULL, 10);
        else if (option == 's')
            content_size = atoi(optarg) < CONTENT_MOST ? atoi(optarg) : CONTENT_MOST;
        else if (option == 'p' && atoi(optarg) > 0)
            second_port = atoi(optarg);
        else if (option != 'd' || !speak(optarg))
            usage();
    }
    if (argc - optind < 2 || (port = atoi(argv[optind])) <= 0)
        usage();
    net_init();
    for (int i = optind + 1; i < argc; i++) {
        if (strcmp(argv[i], "-") == 0)
            obey_stdin();
        else
            run(argv[i]);
    }
    return 0;
}
