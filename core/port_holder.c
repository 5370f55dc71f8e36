#include "core/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTENING \
	0x0a /* the column `st`; a connection's own end of that port does not matter */

struct socket_entry {
	unsigned uid;
	unsigned long inode;
};

static bool find_in(struct socket_entry *out, const char *table, bool is_tcp, uint16_t port)
{
	FILE *file = fopen(table, "re");
	char line[512];
	bool is_found = false;

	while (file && !is_found && fgets(line, sizeof(line), file)) {
		unsigned local_port, state;

		is_found = sscanf(line,
				   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*u "
				   "%lu",
				   &local_port, &state, &out->uid, &out->inode) == 4 &&
			   local_port == port && (!is_tcp || state == TCP_LISTENING);
	}
	if (file)
		fclose(file);
	return is_found;
}

/* Whether process `pid` has the socket among its descriptors; false also when we may not look. */
static bool has_socket(const char *pid, unsigned long inode)
{
	char path[64], wanted[48], target[48];
	const struct dirent *entry;
	bool is_found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	fds = opendir(path);
	while (fds && !is_found && (entry = readdir(fds))) {
		ssize_t len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = '\0';
		is_found = strcmp(target, wanted) == 0;
	}
	if (fds)
		closedir(fds);
	return is_found;
}

/* A process may call itself anything; what would not print is left out. */
static void read_name(char out[static 17], const char *pid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	out[0] = '\0';
	if (!file)
		return;
	if (!fgets(out, 17, file))
		out[0] = '\0';
	fclose(file);
	out[strcspn(out, "\n")] = '\0';
	for (char *at = out; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
}

const char *bf_port_holder(char out[static BF_PORT_HOLDER_TEXT], bool is_tcp, uint16_t port)
{
	struct socket_entry found;
	const struct dirent *entry;
	char name[17];
	DIR *processes;

	out[0] = '\0';
	if (!find_in(&found, is_tcp ? "/proc/self/net/tcp" : "/proc/self/net/udp", is_tcp, port) &&
		!find_in(&found, is_tcp ? "/proc/self/net/tcp6" : "/proc/self/net/udp6", is_tcp,
			port))
		return out;
	snprintf(out, BF_PORT_HOLDER_TEXT, "a process of user %u", found.uid);
	processes = opendir("/proc");
	while (processes && (entry = readdir(processes))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!has_socket(entry->d_name, found.inode))
			continue;
		read_name(name, entry->d_name);
		snprintf(out, BF_PORT_HOLDER_TEXT, "%s, pid %.16s", name, entry->d_name);
		break;
	}
	if (processes)
		closedir(processes);
	return out;
}
