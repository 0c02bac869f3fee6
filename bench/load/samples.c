#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

#include "conn.h"

void samples_add(struct samples *s, double seconds)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 4096;
        s->us = realloc(s->us, s->room * sizeof *s->us);
        if (s->us == NULL)
            fail("no memory for %zu latencies", s->room);
    }
    s->us[s->count++] = (float)(seconds * 1e6);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void samples_print(struct samples *s, const char *name)
{
    float p50 = 0, p99 = 0, max = 0;
    if (s->count > 0) {
        qsort(s->us, s->count, sizeof *s->us, compare);
        p50 = s->us[s->count / 2];
        p99 = s->us[s->count * 99 / 100];
        max = s->us[s->count - 1];
    }
    printf("\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f},", name, p50, p99, max);
    free(s->us);
    *s = (struct samples){0};
}
