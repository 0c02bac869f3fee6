/* What the commands of the generator share. Each prints its figures and returns the seconds it took. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "conn.h"
#include "dialect.h"
#include "samples.h"

#define FOREVER 1e18

extern struct conn *conns; /* `count` of them, in the order of their ids */
extern unsigned count, first_id;
extern int port, second_port, content_size; /* second_port: 0 for none */
extern struct samples acks, pushes;
extern uint64_t unexpected; /* messages that came twice, out of order, or that nothing waits for */

double cmd_connect(unsigned n, unsigned at_a_time, int with_login);
double cmd_arrive(unsigned n, double seconds);
double cmd_ports(void);
double cmd_join(const char *room);
double cmd_close(void);
double cmd_fanout(const char *room, unsigned rounds, double every, double wait);
double cmd_batched(const char *room, unsigned size, unsigned rounds, double every);
double cmd_private(unsigned conns_used, unsigned window, double seconds);
double cmd_paced(unsigned conns_used, double rate, double seconds);

#endif
