/* floor.c — the floor of the machine: what the kernel alone costs a server. No HTTP is spoken: whatever ends in an empty
 * line is answered with the file that was composed at the start; one that is larger than a packet leaves by sendfile.
 *
 * floor PORT SMALL LARGE: answers requests that begin with "GET /1" with SMALL, others with LARGE. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FDS = 65536, HEAD = 256 };

/* Each file's head, and its body where it is small, with and without "Connection: close". */
static struct { char *packet[2]; size_t length[2]; int fd; off_t size; } files[2];
static struct { off_t offset, left; } connections[MAX_FDS];
static char input[65536];
static int poll_fd;

static void load(int which, const char *path) {
    struct stat info;
    files[which].fd = open(path, O_RDONLY);
    if (files[which].fd < 0 || fstat(files[which].fd, &info)) { perror(path); exit(1); }
    files[which].size = info.st_size;
    for (int closes = 0; closes < 2; closes++) {
        char *packet = files[which].packet[closes] = malloc(HEAD + info.st_size);
        size_t head = snprintf(packet, HEAD,
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: floor\r\nContent-Type: text/html\r\n"
            "Content-Length: %lld\r\n%s\r\n", (long long)info.st_size, closes ? "Connection: close\r\n" : "");
        files[which].length[closes] = head;
        if (which == 0 && pread(files[which].fd, packet + head, info.st_size, 0) == info.st_size)
            files[which].length[closes] += info.st_size;
    }
}

static void ctl(int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(poll_fd, operation, fd, &event);
}

/* Sends what is left of a large file. Nonzero: the socket is full, or gone. */
static int send_rest(int fd) {
    while (connections[fd].left > 0) {
        ssize_t sent = sendfile(fd, files[1].fd, &connections[fd].offset, connections[fd].left);
        if (sent <= 0) return 1;
        connections[fd].left -= sent;
    }
    return 0;
}

/* Reads and answers until nothing is there. Zero: the connection is closed. */
static int serve(int fd) {
    for (;;) {
        if (connections[fd].left > 0 && send_rest(fd)) return errno == EAGAIN;
        ssize_t got = recv(fd, input, sizeof input, 0);
        if (got < 0 && errno == EAGAIN) return 1;
        if (got <= 0) return 0;
        int which = memcmp(input, "GET /1k", 7) != 0;
        int closes = memmem(input, got, "\r\nConnection: close", 19) != NULL;
        if (send(fd, files[which].packet[closes], files[which].length[closes], MSG_NOSIGNAL) < 0) return 0;
        if (closes) return 0;
        if (which) connections[fd].offset = 0, connections[fd].left = files[1].size;
        if ((size_t)got < sizeof input && !which) return 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    load(0, argv[2]);
    load(1, argv[3]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 511)) { perror("bind"); return 1; }
    poll_fd = epoll_create1(0);
    ctl(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (!serve(fd)) close(fd);
                continue;
            }
            fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0 || fd >= MAX_FDS) continue;
            connections[fd].left = 0;
            if (serve(fd)) ctl(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
            else close(fd);
        }
    }
}
