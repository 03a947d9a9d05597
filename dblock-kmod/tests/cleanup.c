// SPDX-License-Identifier: GPL-2.0-only
/* Not a test: removes every dblock device by force, and says which. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../dblock.h"

int main(void)
{
	uint32_t ids[1024];
	struct dblock_list list = { .ids = (uintptr_t)ids, .capacity = 1024 };
	int control = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC), failed = 0;

	if (control < 0 || ioctl(control, DBLOCK_CTL_LIST, &list)) {
		perror(DBLOCK_CTL_PATH);
		return 1;
	}
	for (uint32_t i = 0; i < list.count && i < list.capacity; i++) {
		struct dblock_target target = { .id = ids[i], .flags = DBLOCK_DESTROY_FORCE };
		struct dblock_info info = { .create.id = ids[i] };
		int err;

		ioctl(control, DBLOCK_CTL_INFO, &info);
		err = ioctl(control, DBLOCK_CTL_DESTROY, &target) ? errno : 0;
		printf("%s (id %u): %s\n", info.create.name, ids[i],
		       err ? strerror(err) : "destroyed by force");
		failed |= err && err != ENODEV;
	}
	return failed;
}
