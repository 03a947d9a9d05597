// SPDX-License-Identifier: GPL-2.0-only
/* Zoned devices. The server here keeps one conventional zone and sequential ones. */
#include "harness.h"

#include <linux/blkzoned.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/mount.h>

/* The least that btrfs takes. */
#define ZONE		(4 * MIB)
#define ZONES		16
#define SECTORS		(ZONE / 512)
/* Less than there is room for. */
#define CAPACITY	(SECTORS - 256)

struct zones {
	struct blk_zone zone[ZONES];
	atomic_uint ops[12];
	atomic_int broken;		/* what is wrong with a report, see break_report() */
	atomic_bool silent;		/* does not answer */
};

static struct zones *zones_new(void)
{
	struct zones *zones = shared_page(sizeof(*zones));

	for (unsigned int i = 0; i < ZONES; i++)
		zones->zone[i] = (struct blk_zone){
			.start = i * SECTORS,
			.len = SECTORS,
			.wp = i ? i * SECTORS : UINT64_MAX,
			.type = i ? BLK_ZONE_TYPE_SEQWRITE_REQ : BLK_ZONE_TYPE_CONVENTIONAL,
			.cond = i ? BLK_ZONE_COND_EMPTY : BLK_ZONE_COND_NOT_WP,
			.capacity = i ? CAPACITY : SECTORS,
		};
	return zones;
}

enum { WELL, WRONG_START, WRONG_LENGTH, NO_CAPACITY, TOO_MUCH_CAPACITY, NO_TYPE, NO_CONDITION, WP_BEFORE, WP_BEYOND,
       NOTHING, NR_BROKEN };

static void break_report(struct blk_zone *zone, int how)
{
	switch (how) {
	case WRONG_START:
		zone[2].start += 8;
		break;
	case WRONG_LENGTH:
		zone[2].len /= 2;
		break;
	case NO_CAPACITY:
		zone[2].capacity = 0;
		break;
	case TOO_MUCH_CAPACITY:
		zone[2].capacity = SECTORS + 1;
		break;
	case NO_TYPE:
		zone[2].type = 9;
		break;
	case NO_CONDITION:
		zone[2].cond = 9;
		break;
	case WP_BEFORE:
		zone[2].wp = 0;
		break;
	case WP_BEYOND:
		zone[2].wp = 3 * SECTORS;
		break;
	case NOTHING:
		memset(zone, 0, sizeof(*zone) * ZONES);
		break;
	}
}

static int write_zone(struct zones *zones, struct device *dev, const struct dblock_request *rq, uint64_t sector)
{
	struct blk_zone *zone = &zones->zone[sector / SECTORS];

	if (zone->type != BLK_ZONE_TYPE_CONVENTIONAL) {
		if (sector != zone->wp || sector + rq->length / 512 > zone->start + zone->capacity)
			return -EIO;
		zone->wp += rq->length / 512;
		zone->cond = zone->wp == zone->start + zone->capacity ? BLK_ZONE_COND_FULL : BLK_ZONE_COND_IMP_OPEN;
	}
	memcpy(dev->store + sector * 512, (void *)(uintptr_t)rq->data, rq->length);
	return 0;
}

static void reset_zone(struct blk_zone *zone)
{
	if (zone->type == BLK_ZONE_TYPE_CONVENTIONAL)
		return;
	zone->wp = zone->start;
	zone->cond = BLK_ZONE_COND_EMPTY;
}

static bool zone_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	struct zones *zones = server->arg;
	struct blk_zone *zone = &zones->zone[rq->sector / SECTORS % ZONES];
	static _Thread_local struct blk_zone report[256 + ZONES];
	unsigned int first = rq->sector / SECTORS;

	zones->ops[rq->op]++;
	if (zones->silent)
		return false;
	switch (rq->op) {
	case DBLOCK_OP_WRITE:
		answer->result = write_zone(zones, server->dev, rq, rq->sector);
		break;
	case DBLOCK_OP_ZONE_APPEND:
		answer->data = zone->wp;
		answer->result = write_zone(zones, server->dev, rq, zone->wp);
		break;
	case DBLOCK_OP_ZONE_REPORT:
		memset(report, 0, sizeof(report));
		memcpy(report, zones->zone + first, (ZONES - first) * sizeof(*report));
		if (!first)
			break_report(report, zones->broken);
		answer->data = (uintptr_t)report;
		break;
	case DBLOCK_OP_ZONE_OPEN:
		zone->cond = BLK_ZONE_COND_EXP_OPEN;
		break;
	case DBLOCK_OP_ZONE_CLOSE:
		zone->cond = zone->wp == zone->start ? BLK_ZONE_COND_EMPTY : BLK_ZONE_COND_CLOSED;
		break;
	case DBLOCK_OP_ZONE_FINISH:
		zone->cond = BLK_ZONE_COND_FULL;
		zone->wp = zone->start + zone->capacity;
		break;
	case DBLOCK_OP_ZONE_RESET:
		reset_zone(zone);
		break;
	case DBLOCK_OP_ZONE_RESET_ALL:
		for (unsigned int i = 0; i < ZONES; i++)
			reset_zone(&zones->zone[i]);
		break;
	default:
		memory_apply(server->dev, rq, answer);
	}
	if (answer->result)
		answer->length = 0;
	return true;
}

static struct dblock_create zoned_spec(void)
{
	struct dblock_create spec = spec_of(ZONES * ZONE);

	spec.zone_size = ZONE;
	spec.max_open_zones = 4;
	spec.max_active_zones = 8;	/* the least that btrfs takes */
	spec.max_append = 64 * KIB;
	return spec;
}

static void need_zones(void)
{
	struct dblock_version version;
	struct dblock_create spec = zoned_spec();

	check_ok(ioctl(session_open(), DBLOCK_CTL_VERSION, &version));
	if (version.features & DBLOCK_FEAT_ZONED)
		return;
	check_fails(EOPNOTSUPP, ctl_create(session_open(), &spec));
	skip("this kernel has no zoned devices that the module knows");
}

static struct device *zoned_up(struct zones *zones)
{
	struct dblock_create spec = zoned_spec();

	need_zones();
	return device_up(&spec, zone_answer, zones);
}

static struct blk_zone_report *report_of(int fd)
{
	struct blk_zone_report *report = calloc(1, sizeof(*report) + ZONES * sizeof(struct blk_zone));

	report->nr_zones = ZONES;
	check_ok(ioctl(fd, BLKREPORTZONE, report));
	check_eq(report->nr_zones, ZONES);
	return report;
}

static int zone_call(int fd, unsigned long call, uint64_t first, uint64_t count)
{
	struct blk_zone_range range = { .sector = first * SECTORS, .nr_sectors = count * SECTORS };

	return ioctl(fd, call, &range);
}

CASE(the_kernel_knows_the_zones)
{
	struct zones *zones = zones_new();
	struct device *dev = zoned_up(zones);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	struct blk_zone_report *report = report_of(fd);
	char model[32];
	uint32_t number;

	check(sysfs_read(dev->name, "queue/zoned", model, sizeof(model)) && !strcmp(model, "host-managed"), "%s", model);
	check_eq(sysfs_number(dev->name, "queue/nr_zones"), ZONES);
	check_eq(sysfs_number(dev->name, "queue/chunk_sectors"), SECTORS);
	check_eq(sysfs_number(dev->name, "queue/max_open_zones"), 4);
	check_eq(sysfs_number(dev->name, "queue/max_active_zones"), 8);
	check_eq(sysfs_number(dev->name, "queue/zone_append_max_bytes"), 64 * KIB);
	check_ok(ioctl(fd, BLKGETZONESZ, &number));
	check_eq(number, SECTORS);
	for (unsigned int i = 0; i < ZONES; i++) {
		check_eq(report->zones[i].start, i * SECTORS);
		check_eq(report->zones[i].type, zones->zone[i].type);
		check_eq(report->zones[i].cond, zones->zone[i].cond);
		check_eq(report->zones[i].capacity, zones->zone[i].capacity);
	}
	close(fd);
	device_down(dev);
}

/* As many zones as there may be, the first one conventional, all others empty. */
static bool many_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	uint64_t sectors = server->dev->spec.zone_size / 512;
	static _Thread_local struct blk_zone report[256];
	static const uint8_t zeros[64 * KIB];

	if (rq->op == DBLOCK_OP_ZONE_REPORT) {
		for (unsigned int i = 0; i < 256; i++) {
			uint64_t number = rq->sector / sectors + i;

			report[i] = (struct blk_zone){
				.start = number * sectors,
				.len = sectors,
				.wp = number * sectors,
				.type = number ? BLK_ZONE_TYPE_SEQWRITE_REQ : BLK_ZONE_TYPE_CONVENTIONAL,
				.cond = number ? BLK_ZONE_COND_EMPTY : BLK_ZONE_COND_NOT_WP,
				.capacity = sectors,
			};
		}
		answer->data = (uintptr_t)report;
	} else if (rq->op == DBLOCK_OP_READ) {
		answer->data = (uintptr_t)zeros;
	} else {
		answer->result = -EIO;
		answer->length = 0;
	}
	return true;
}

/* The kernel's log says it if one of its arrays is too large for one piece. */
CASE(as_many_zones_and_open_ones_as_there_may_be)
{
	struct dblock_create spec = zoned_spec();
	struct device *dev;

	need_zones();
	if (sizeof(size_t) < 8)
		skip("no room for its 16 GiB in the addresses of this program");
	spec.zone_size = 16 * KIB;
	spec.max_io = 16 * KIB;
	spec.max_append = 0;
	spec.size = DBLOCK_MAX_ZONES * spec.zone_size;
	spec.max_open_zones = spec.max_active_zones = DBLOCK_MAX_OPEN_ZONES;
	dev = device_up(&spec, many_answer, NULL);
	check_eq(sysfs_number(dev->name, "queue/nr_zones"), DBLOCK_MAX_ZONES);
	check_eq(sysfs_number(dev->name, "queue/max_open_zones"), DBLOCK_MAX_OPEN_ZONES);
	device_down(dev);
}

CASE(writes_go_where_the_zone_is_written)
{
	struct zones *zones = zones_new();
	struct device *dev = zoned_up(zones);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(65536);

	pattern_fill(buf, 65536, 0, 1);
	check_eq(pwrite(fd, buf, 65536, 512 * KIB), 65536);	/* conventional: anywhere */
	check_eq(pwrite(fd, buf, 4096, ZONE), 4096);
	check_eq(pwrite(fd, buf + 4096, 61440, ZONE + 4096), 61440);
	check_eq(zones->zone[1].wp, SECTORS + 128);
	check_eq(report_of(fd)->zones[1].wp, SECTORS + 128);
	check_eq(report_of(fd)->zones[1].cond, BLK_ZONE_COND_IMP_OPEN);
	memset(buf, 0, 65536);
	check_eq(pread(fd, buf, 65536, ZONE), 65536);
	check_eq(pattern_check(buf, 65536, 0, 1), -1);
	/* The kernel itself, or the server, refuses what is not at the write pointer. */
	check_fails(EIO, pwrite(fd, buf, 4096, ZONE));
	check_fails(EIO, pwrite(fd, buf, 4096, ZONE + 512 * KIB));
	/* After an error the kernel wants the zone's report, or has it fetched by itself; then writing goes on. */
	check_wait(10, (free(report_of(fd)), pwrite(fd, buf, 4096, ZONE + 65536) == 4096), "writing at the write pointer");
	close(fd);
	device_down(dev);
}

CASE(zones_are_opened_closed_finished_and_reset)
{
	struct zones *zones = zones_new();
	struct device *dev = zoned_up(zones);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);

	check_ok(zone_call(fd, BLKOPENZONE, 3, 1));
	check_eq(zones->ops[DBLOCK_OP_ZONE_OPEN], 1);
	check_eq(report_of(fd)->zones[3].cond, BLK_ZONE_COND_EXP_OPEN);
	check_eq(pwrite(fd, buf, 4096, 3 * ZONE), 4096);
	check_ok(zone_call(fd, BLKCLOSEZONE, 3, 1));
	check_eq(zones->ops[DBLOCK_OP_ZONE_CLOSE], 1);
	check_eq(report_of(fd)->zones[3].cond, BLK_ZONE_COND_CLOSED);
	check_ok(zone_call(fd, BLKFINISHZONE, 3, 2));
	check_eq(zones->ops[DBLOCK_OP_ZONE_FINISH], 2);
	check_eq(report_of(fd)->zones[4].cond, BLK_ZONE_COND_FULL);
	check_fails(EIO, pwrite(fd, buf, 4096, 3 * ZONE + 4096));
	check_ok(zone_call(fd, BLKRESETZONE, 3, 1));
	check_eq(zones->ops[DBLOCK_OP_ZONE_RESET], 1);
	check_eq(report_of(fd)->zones[3].cond, BLK_ZONE_COND_EMPTY);
	check_eq(pwrite(fd, buf, 4096, 3 * ZONE), 4096);
	check_ok(zone_call(fd, BLKRESETZONE, 0, ZONES));
	check_eq(zones->ops[DBLOCK_OP_ZONE_RESET_ALL], 1);
	check_eq(report_of(fd)->zones[4].cond, BLK_ZONE_COND_EMPTY);
	close(fd);
	device_down(dev);
}

CASE(reports_that_cannot_be_fail_the_start)
{
	for (int how = 1; how < NR_BROKEN; how++) {
		struct zones *zones = zones_new();
		struct dblock_create spec = zoned_spec();
		struct device *dev;

		need_zones();
		step("broken in way %d", how);
		zones->broken = how;
		dev = device_create(&spec);
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, zone_answer, zones);
		check_fails(EIO, ctl_start(dev->session, dev->id));
		check(!device_exists(dev->name), "the disk is there");
		/* It may be tried again. */
		zones->broken = WELL;
		device_start(dev);
		device_down(dev);
	}
}

CASE(a_report_that_breaks_later_is_an_error_of_who_asked)
{
	struct zones *zones = zones_new();
	struct device *dev = zoned_up(zones);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	struct blk_zone_report *report = report_of(fd);

	zones->broken = WP_BEYOND;
	report->sector = 0;
	report->nr_zones = ZONES;
	check_fails(EIO, ioctl(fd, BLKREPORTZONE, report));
	zones->broken = WELL;
	report_of(fd);
	close(fd);
	device_down(dev);
}

CASE(a_server_that_does_not_report_times_out)
{
	struct zones *zones = zones_new();
	struct dblock_create spec = zoned_spec();
	struct device *dev;

	need_zones();
	spec.timeout_ms = 1000;
	zones->silent = true;
	dev = device_create(&spec);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, zone_answer, zones);
	check_fails(EIO, ctl_start(dev->session, dev->id));
	device_down(dev);
}

/* Destroyed by force while its start waits for the report. */
CASE(destroyed_while_it_is_asked_for_its_zones)
{
	struct zones *zones = zones_new();
	struct dblock_create spec = zoned_spec();
	struct device *dev;
	int status;
	pid_t pid;

	need_zones();
	zones->silent = true;
	dev = device_create(&spec);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, zone_answer, zones);
	pid = fork_case();
	if (!pid)
		_exit(ctl_start(dev->session, dev->id) ? errno : 0);
	check_wait(10, zones->ops[DBLOCK_OP_ZONE_REPORT] == 1, "the start to ask");
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
	check(wait_child(pid, 10, &status), "the start did not return");
	check(WIFEXITED(status) && WEXITSTATUS(status) == ENXIO, "the start: status %#x", status);
	servers_join(dev, 10);
}

CASE(its_size_does_not_change)
{
	struct device *dev = zoned_up(zones_new());
	struct dblock_change how = { .id = dev->id, .what = DBLOCK_CHANGE_SIZE, .size = 8 * ZONE };

	check_fails(EOPNOTSUPP, ioctl(dev->session, DBLOCK_CTL_CHANGE, &how));
	device_down(dev);
}

/* btrfs writes its data by appending, and finds them again only where it was told they are. */
CASE(appends_are_told_where_they_went)
{
	enum { SIZE = MIB };
	struct zones *zones = zones_new();
	uint8_t *buf = buffer_new(SIZE);
	char target[256], path[300];
	struct device *dev;
	int fd;

	need_zones();
	if (!program_exists("mkfs.btrfs"))
		skip("no mkfs.btrfs (btrfs-progs)");
	dev = zoned_up(zones);
	check_eq(run_program((const char *const[]){ "mkfs.btrfs", "-q", "-O", "zoned", "-d", "single", "-m", "single",
						    dev->path, NULL }, 60), 0);
	if (mount_tracked(dev->path, "btrfs", 0, "", target, sizeof(target))) {
		check_eq(errno, ENODEV);
		skip("this kernel has no btrfs");
	}
	snprintf(path, sizeof(path), "%s/file", target);
	fd = check_ok(open(path, O_CREAT | O_RDWR, 0600));
	pattern_fill(buf, SIZE, 0, 1);
	check_eq(write(fd, buf, SIZE), SIZE);
	check_ok(fsync(fd));
	close(fd);
	check(zones->ops[DBLOCK_OP_ZONE_APPEND] >= SIZE / (64 * KIB), "%u appends", zones->ops[DBLOCK_OP_ZONE_APPEND]);
	check_ok(umount(target));
	check_ok(mount_tracked(dev->path, "btrfs", 0, "", target, sizeof(target)));
	snprintf(path, sizeof(path), "%s/file", target);
	fd = check_ok(open(path, O_RDONLY));
	memset(buf, 0, SIZE);
	check_eq(read(fd, buf, SIZE), SIZE);
	check_eq(pattern_check(buf, SIZE, 0, 1), -1);
	close(fd);
	check_ok(umount(target));
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(the_kernel_knows_the_zones),
		TEST(as_many_zones_and_open_ones_as_there_may_be),
		TEST(writes_go_where_the_zone_is_written),
		TEST(zones_are_opened_closed_finished_and_reset),
		TEST(reports_that_cannot_be_fail_the_start),
		TEST(a_report_that_breaks_later_is_an_error_of_who_asked),
		TEST(a_server_that_does_not_report_times_out),
		TEST(destroyed_while_it_is_asked_for_its_zones),
		TEST(its_size_does_not_change),
		TEST(appends_are_told_where_they_went),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
