/* Moves the wall clock of a process, for tests: LD_PRELOAD this, and TEST_SKEW names a file of eight bytes
 * with the microseconds to add, native byte order, which may change at any time. The monotonic clock stays.
 * It allocates nothing, since an allocator may ask for the time before it is ready. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const long long *skew;

__attribute__((constructor)) static void open_skew(void) {
    const char *path = getenv("TEST_SKEW");
    int file = path == NULL ? -1 : open(path, O_RDONLY);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *skew, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        skew = mapped;
    if (file >= 0)
        close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int status = (int)syscall(SYS_clock_gettime, clock, now);
    if (status == 0 && skew != NULL && clock == CLOCK_REALTIME) {
        long long nanos = now->tv_nsec + *skew % 1000000 * 1000;
        now->tv_sec += *skew / 1000000 + (nanos >= 1000000000) - (nanos < 0);
        now->tv_nsec = nanos + (nanos < 0 ? 1000000000 : 0) - (nanos >= 1000000000 ? 1000000000 : 0);
    }
    return status;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    int status = clock_gettime(CLOCK_REALTIME, &precise);
    (void)zone;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return status;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL)
        *result = now.tv_sec;
    return now.tv_sec;
}
