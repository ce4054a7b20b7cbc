/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP at a fixed rate over connections that stay open. A request's latency counts from the moment
 * it was due, not from when a connection was free to send it: a slow answer is not hidden by the
 * requests that it held up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdpbench.h"

/* Longer without any answer, and the connection is taken for lost. */
#define PATIENCE_SECONDS 5

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

static int connected(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die(0, "not an IPv4 address: %s", address);
	/* Also limits connect(2), which answers EINPROGRESS then; socket(7). */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = PATIENCE_SECONDS },
		   sizeof(struct timeval));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die(errno, "cannot connect to %s port %d", address, port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int ascending(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* Whether it is complete: the header, and as many bytes after it as it announces. */
static int read_answer(int fd, char *buffer, int size, int *length)
{
	int bytes = recv(fd, buffer + *length, size - 1 - *length, 0);

	if (bytes <= 0)
		die(bytes ? errno : 0, "a connection ended before its answer was complete");
	*length += bytes;
	buffer[*length] = 0;
	char *end = strstr(buffer, "\r\n\r\n");
	char *announced = strstr(buffer, "Content-Length: ");
	if (!end || !announced || end + 4 + atoi(announced + 16) > buffer + *length)
		return 0;
	if (strncmp(buffer, "HTTP/1.1 200", 12))
		die(0, "not answered with 200: %.40s", buffer);
	return 1;
}

int command_paced(char **arguments)
{
	enum { BUFFER = 4096 };
	int rate = atoi(arguments[2]), connections = atoi(arguments[3]);
	long total = rate * atof(arguments[4]), sent = 0, done = 0;
	uint64_t *latency = calloc(total, sizeof(*latency));
	struct { uint64_t due; int length; char buffer[BUFFER]; } *state;
	struct pollfd poll[connections];
	/* A queue, so that all connections take part. */
	int idle[connections], first = 0, idle_count = 0;

	state = calloc(connections, sizeof(*state));
	for (int i = 0; i < connections; i++) {
		poll[i] = (struct pollfd){ .fd = connected(arguments[0], atoi(arguments[1])),
					   .events = POLLIN };
		idle[idle_count++] = i;
	}
	uint64_t start = now_ns(), interval = 1000000000ull / rate;
	uint64_t progress = start;
	while (done < total) {
		uint64_t now = now_ns(), due;
		while (sent < total && idle_count && (due = start + sent * interval) <= now) {
			int i = idle[first];
			first = (first + 1) % connections;
			idle_count--;
			if (send(poll[i].fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL) < 0)
				die(errno, "cannot send request %ld", sent);
			state[i].due = due;
			state[i].length = 0;
			sent++;
		}
		/* Nothing to send until `due`, or no connection to send on. */
		due = sent < total && idle_count ? start + sent * interval : now + 1000000000;
		now = now_ns();
		uint64_t wait = due > now ? due - now : 0;
		int ready = ppoll(poll, connections,
				  &(struct timespec){ .tv_sec = wait / 1000000000,
						      .tv_nsec = wait % 1000000000 }, NULL);
		if (sent > done && now_ns() - progress > PATIENCE_SECONDS * 1000000000ull)
			die(0, "%ld requests were not answered within %d s", sent - done, PATIENCE_SECONDS);
		for (int i = 0; i < connections && ready > 0; i++) {
			if (!poll[i].revents)
				continue;
			ready--;
			if (read_answer(poll[i].fd, state[i].buffer, BUFFER, &state[i].length)) {
				progress = now_ns();
				latency[done++] = progress - state[i].due;
				idle[(first + idle_count++) % connections] = i;
			}
		}
	}
	double seconds = (now_ns() - start) / 1e9;
	qsort(latency, total, sizeof(*latency), ascending);
	printf("{\"requests\": %ld, \"seconds\": %.3f, \"p50us\": %.1f, \"p99us\": %.1f}\n", total,
	       seconds, latency[total / 2] / 1e3, latency[total * 99 / 100] / 1e3);
	return 0;
}
