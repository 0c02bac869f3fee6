/* Latencies: all of them are kept, so percentiles are exact. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stddef.h>

struct samples {
    float *us;
    size_t count, room;
};

void samples_add(struct samples *s, double seconds);

/* Print `"name":{"p50":..,"p99":..,"max":..},` in microseconds, and forget them. */
void samples_print(struct samples *s, const char *name);

#endif
