/* A disk that fails when a test says so: LD_PRELOAD this. TEST_DISK names a file that holds a struct disk, which
 * the test may change at any time, and TEST_DISK_BELOW the directory whose files are on that disk. With
 * TEST_DISK_SYNCED, a directory elsewhere, it keeps there what a power cut would leave: of each file a copy as
 * of its last sync, and of each directory its names as of its last sync. failing_disk.py has the other side.
 * Writes to mapped pages are not seen: there the kernel reports no errors. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE, SYNC, CREATE, RENAME, TRUNCATE, KINDS };

struct call {
    long long seen;        /* calls of this kind so far */
    long long from, until; /* the numbers of the calls that fail, the last one excluded; the first call is 1 */
    long long error;       /* errno of a call that fails */
    long long delay_us;    /* by which each call takes longer */
};

struct disk {
    long long room; /* bytes by which files may still grow, -1 without a limit */
    struct call calls[KINDS];
};

static volatile struct disk *disk;
static const char *below, *synced;

static int covers(const char *path) {
    size_t length = below == NULL ? 0 : strlen(below);
    return disk != NULL && length > 0 && strncmp(path, below, length) == 0 &&
           (path[length] == '/' || path[length] == 0);
}

static int path_of(int file, char *path) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static int covers_file(int file) {
    char path[PATH_MAX];
    return disk != NULL && path_of(file, path) && covers(path);
}

static int covers_name(int directory, const char *name) {
    char base[PATH_MAX], path[2 * PATH_MAX];
    if (disk == NULL || name == NULL)
        return 0;
    if (name[0] == '/')
        return covers(name);
    if (directory == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of(directory, base))
        return 0;
    snprintf(path, sizeof path, "%s/%s", base, name);
    return covers(path);
}

static int fails(int kind) {
    volatile struct call *call = &disk->calls[kind];
    long long number = __atomic_add_fetch(&call->seen, 1, __ATOMIC_SEQ_CST), delay = call->delay_us;
    struct timespec pause = {delay / 1000000, delay % 1000000 * 1000};
    if (delay > 0)
        nanosleep(&pause, NULL);
    if (number < call->from || number >= call->until)
        return 0;
    errno = (int)call->error;
    return 1;
}

/* Return how many bytes of a part of a file are holes, or behind its end: they need room to be written. */
static off_t holes_in(int file, off_t at, off_t end) {
    off_t before = lseek(file, 0, SEEK_CUR), holes = 0;
    while (at >= 0 && at < end) {
        off_t data = lseek(file, at, SEEK_DATA);
        data = data < 0 || data > end ? end : data;
        holes += data - at;
        at = data < end ? lseek(file, data, SEEK_HOLE) : end;
    }
    lseek(file, before, SEEK_SET);
    return holes;
}

/* Return how many of the bytes may be written, or -1 with ENOSPC. */
static ssize_t room_for(int file, off_t at, size_t size) {
    if (disk->room < 0)
        return (ssize_t)size;
    off_t grows = holes_in(file, at, at + (off_t)size);
    long long room = disk->room, taken = grows < room ? grows : room;
    disk->room = room - taken;
    if (size > 0 && (off_t)size - grows + taken == 0) {
        errno = ENOSPC;
        return -1;
    }
    return grows <= taken ? (ssize_t)size : (ssize_t)((off_t)size - grows + taken);
}

static off_t end_of(int file) {
    struct stat status;
    if ((fcntl(file, F_GETFL) & O_APPEND) != 0 && fstat(file, &status) == 0)
        return status.st_size;
    return lseek(file, 0, SEEK_CUR);
}

ssize_t write(int file, const void *bytes, size_t size) {
    ssize_t allowed = (ssize_t)size;
    if (covers_file(file) && (fails(WRITE) || (allowed = room_for(file, end_of(file), size)) < 0))
        return -1;
    return syscall(SYS_write, file, bytes, allowed);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at) {
    ssize_t allowed = (ssize_t)size;
    if (covers_file(file) && (fails(WRITE) || (allowed = room_for(file, at, size)) < 0))
        return -1;
    return syscall(SYS_pwrite64, file, bytes, allowed, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }

/* A vector is written whole or not at all. */
static int vector_fails(int file, const struct iovec *parts, int count, off_t at) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    if (fails(WRITE))
        return 1;
    ssize_t allowed = room_for(file, at, size);
    if (allowed >= 0 && (size_t)allowed < size)
        errno = ENOSPC;
    return allowed < (ssize_t)size;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (covers_file(file) && vector_fails(file, parts, count, end_of(file)))
        return -1;
    return syscall(SYS_writev, file, parts, count);
}

ssize_t pwritev64v2(int file, const struct iovec *parts, int count, off_t at, int flags) {
    if (covers_file(file) && vector_fails(file, parts, count, at))
        return -1;
    return syscall(SYS_pwritev2, file, parts, count, at, 0, flags);
}

ssize_t pwritev2(int file, const struct iovec *parts, int count, off_t at, int flags) {
    return pwritev64v2(file, parts, count, at, flags);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off_t at) {
    return pwritev64v2(file, parts, count, at, 0);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
    return pwritev64v2(file, parts, count, at, 0);
}

int fallocate64(int file, int mode, off_t at, off_t size) {
    if (covers_file(file)) {
        if (fails(WRITE))
            return -1;
        ssize_t allowed = room_for(file, at, (size_t)size);
        if (allowed < (ssize_t)size) {
            errno = ENOSPC;
            return -1;
        }
    }
    return (int)syscall(SYS_fallocate, file, mode, at, size);
}

int fallocate(int file, int mode, off_t at, off_t size) { return fallocate64(file, mode, at, size); }

int posix_fallocate64(int file, off_t at, off_t size) { return fallocate64(file, 0, at, size) < 0 ? errno : 0; }

int posix_fallocate(int file, off_t at, off_t size) { return posix_fallocate64(file, at, size); }

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t size, unsigned flags) {
    ssize_t allowed = (ssize_t)size;
    if (covers_file(to) &&
        (fails(WRITE) || (allowed = room_for(to, to_at == NULL ? end_of(to) : *to_at, size)) < 0))
        return -1;
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, allowed, flags);
}

ssize_t sendfile64(int to, int from, off_t *from_at, size_t size) {
    ssize_t allowed = (ssize_t)size;
    if (covers_file(to) && (fails(WRITE) || (allowed = room_for(to, end_of(to), size)) < 0))
        return -1;
    return syscall(SYS_sendfile, to, from, from_at, allowed);
}

ssize_t sendfile(int to, int from, off_t *from_at, size_t size) { return sendfile64(to, from, from_at, size); }

/* What a power cut leaves. A file is known by its inode and its birth, as an inode is used again. */
static int key_of(const char *path, char *key) {
    struct statx status;
    if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_INO | STATX_BTIME | STATX_TYPE, &status) < 0 ||
        !S_ISREG(status.stx_mode))
        return 0;
    snprintf(key, NAME_MAX, "%llu-%lld-%u", (unsigned long long)status.stx_ino,
             (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
    return 1;
}

static int open_copy(char *path, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s.%ld", synced, name, (long)syscall(SYS_gettid));
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void close_copy(int copy, const char *path, const char *name) {
    char final[PATH_MAX];
    snprintf(final, sizeof final, "%s/%s", synced, name);
    close(copy);
    syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, final, 0);
}

static void keep_file(const char *path) {
    char key[NAME_MAX], to[PATH_MAX];
    if (!key_of(path, key))
        return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), copy = open_copy(to, key);
    while (file >= 0 && copy >= 0 && syscall(SYS_sendfile, copy, file, NULL, 1 << 30) > 0)
        ;
    close_copy(copy, to, key);
    close(file);
}

/* Keep the names of a directory as lines "key name"; with *files* the files as well. */
static void keep_directory(const char *path, int files) {
    char name[NAME_MAX], key[NAME_MAX], to[PATH_MAX], inside[2 * PATH_MAX];
    snprintf(name, sizeof name, "names%s", path + strlen(below));
    for (char *at = name; *at != 0; at++)
        *at = *at == '/' ? '%' : *at;
    DIR *directory = opendir(path);
    int copy = open_copy(to, name);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && files)
            keep_directory(inside, 1);
        if (!key_of(inside, key))
            continue;
        char line[2 * NAME_MAX + 2];
        int length = snprintf(line, sizeof line, "%s %s\n", key, entry->d_name);
        syscall(SYS_write, copy, line, length);
        if (files)
            keep_file(inside);
    }
    close_copy(copy, to, name);
    if (directory != NULL)
        closedir(directory);
}

static void keep(int file) {
    struct stat status;
    char path[PATH_MAX];
    if (synced == NULL || fstat(file, &status) < 0 || !path_of(file, path))
        return;
    if (S_ISDIR(status.st_mode))
        keep_directory(path, 0);
    else
        keep_file(path);
}

static int sync_with(long number, int file) {
    int is_covered = covers_file(file);
    if (is_covered && fails(SYNC))
        return -1;
    int status = (int)syscall(number, file);
    if (is_covered && status == 0)
        keep(file);
    return status;
}

int fsync(int file) { return sync_with(SYS_fsync, file); }

int fdatasync(int file) { return sync_with(SYS_fdatasync, file); }

int openat64(int directory, const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_CREAT) != 0 && covers_name(directory, name) && fails(CREATE))
        return -1;
    return (int)syscall(SYS_openat, directory, name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...) __attribute__((alias("openat64")));

int open64(const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return openat64(AT_FDCWD, name, flags, mode);
}

int open(const char *name, int flags, ...) __attribute__((alias("open64")));

int mkdirat(int directory, const char *name, mode_t mode) {
    if (covers_name(directory, name) && fails(CREATE))
        return -1;
    return (int)syscall(SYS_mkdirat, directory, name, mode);
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int from, const char *name, int to, const char *new_name, int flags) {
    if (covers_name(to, new_name) && fails(CREATE))
        return -1;
    return (int)syscall(SYS_linkat, from, name, to, new_name, flags);
}

int link(const char *name, const char *new_name) { return linkat(AT_FDCWD, name, AT_FDCWD, new_name, 0); }

int renameat(int from, const char *name, int to, const char *new_name) {
    if (covers_name(to, new_name) && fails(RENAME))
        return -1;
    return (int)syscall(SYS_renameat2, from, name, to, new_name, 0);
}

int rename(const char *name, const char *new_name) { return renameat(AT_FDCWD, name, AT_FDCWD, new_name); }

int unlinkat(int directory, const char *name, int flags) {
    if (covers_name(directory, name) && fails(RENAME))
        return -1;
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int ftruncate64(int file, off_t size) {
    if (covers_file(file) && fails(TRUNCATE))
        return -1;
    return (int)syscall(SYS_ftruncate, file, size);
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

__attribute__((constructor)) static void open_disk(void) {
    const char *path = getenv("TEST_DISK");
    int file = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *mapped =
        file < 0 ? MAP_FAILED : mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    below = getenv("TEST_DISK_BELOW");
    synced = getenv("TEST_DISK_SYNCED");
    if (mapped != MAP_FAILED)
        disk = mapped;
    if (file >= 0)
        close(file);
    char names[PATH_MAX];
    snprintf(names, sizeof names, "%s/names", synced == NULL ? "" : synced);
    if (disk != NULL && below != NULL && synced != NULL && access(names, F_OK) != 0)
        keep_directory(below, 1); /* what is there before the first process of the test is on the disk */
}
