// SPDX-License-Identifier: GPL-2.0-only
/* struct dblock_create: what is refused, with which error, and what is not. */
#include "harness.h"

#include <sys/prctl.h>
#include <time.h>

#define BASE	.size = MIB, .flags = DBLOCK_F_NO_PARTITIONS

struct row {
	const char *name;
	int error;			/* 0: accepted */
	struct dblock_create spec;
};

/* Its page cache counts pages in a long. */
#define LARGEST_OF_32_BIT	((1ULL << 44) - 4096)

/* REFUSED and ACCEPTED start from a device of 1 MiB with every member at its default. */
#define REFUSED(what, ...)	{ what, EINVAL, { BASE, __VA_ARGS__ } }
#define ACCEPTED(what, ...)	{ what, 0, { BASE, __VA_ARGS__ } }

#pragma GCC diagnostic ignored "-Woverride-init"

static const struct row rows[] = {
	ACCEPTED("defaults", .name = ""),
	ACCEPTED("every flag", .recovery_ms = DBLOCK_MAX_RECOVERY_MS, .flags = DBLOCK_F_ALL & ~DBLOCK_F_AUTO_START),
	REFUSED("first unknown flag", .flags = DBLOCK_F_ALL + 1),
	REFUSED("last unknown flag", .flags = 1ULL << 63),
	REFUSED("FUA without write cache", .flags = DBLOCK_F_FUA),
	ACCEPTED("FUA with write cache", .flags = DBLOCK_F_FUA | DBLOCK_F_WRITE_CACHE),

	REFUSED("size 0", .size = 0),
	REFUSED("size 1", .size = 1),
	REFUSED("size 511", .size = 511),
	ACCEPTED("size 512", .size = 512),
	REFUSED("size 513", .size = 513),
	REFUSED("size no multiple of a 4096 block", .size = MIB + 512, .logical_block = 4096),
	REFUSED("size below one 4096 block", .size = 2048, .logical_block = 4096),
	ACCEPTED("size of one 4096 block", .size = 4096, .logical_block = 4096),
	ACCEPTED("size 1 TiB", .size = 1ULL << 40),
	ACCEPTED("size 16 TiB less a page", .size = LARGEST_OF_32_BIT),
	ACCEPTED("size 16 TiB", .size = 1ULL << 44),
	ACCEPTED("size 1 EiB", .size = 1ULL << 60),
	ACCEPTED("largest size", .size = INT64_MAX - 511),
	REFUSED("size 2^63", .size = 1ULL << 63),
	REFUSED("size 2^64 - 512", .size = -512ULL),

	REFUSED("logical_block 1", .logical_block = 1),
	REFUSED("logical_block 256", .logical_block = 256),
	REFUSED("logical_block 511", .logical_block = 511),
	ACCEPTED("logical_block 512", .logical_block = 512),
	REFUSED("logical_block 513", .logical_block = 513),
	ACCEPTED("logical_block 1024", .logical_block = 1024),
	REFUSED("logical_block 1536", .logical_block = 1536),
	ACCEPTED("logical_block 2048", .logical_block = 2048),
	REFUSED("logical_block 4095", .logical_block = 4095),
	ACCEPTED("logical_block 4096", .logical_block = 4096),
	REFUSED("logical_block 4097", .logical_block = 4097),
	REFUSED("logical_block 8192", .logical_block = 8192),
	REFUSED("logical_block 2^31", .logical_block = 1u << 31),

	REFUSED("physical_block below logical", .logical_block = 4096, .physical_block = 2048),
	ACCEPTED("physical_block equal to logical", .logical_block = 4096, .physical_block = 4096),
	REFUSED("physical_block 256", .physical_block = 256),
	REFUSED("physical_block 1536", .physical_block = 1536),
	ACCEPTED("physical_block 65536", .physical_block = 65536),
	REFUSED("physical_block 65537", .physical_block = 65537),
	REFUSED("physical_block 131072", .physical_block = 131072),

	REFUSED("io_min below physical_block", .physical_block = 4096, .io_min = 2048),
	ACCEPTED("io_min equal to physical_block", .physical_block = 4096, .io_min = 4096),
	REFUSED("io_min no multiple of physical_block", .physical_block = 4096, .io_min = 6144),
	ACCEPTED("io_min a multiple of physical_block", .physical_block = 4096, .io_min = 12288),
	REFUSED("io_min 1", .io_min = 1),
	REFUSED("io_opt below io_min", .io_min = 8192, .io_opt = 4096),
	ACCEPTED("io_opt equal to io_min", .io_min = 8192, .io_opt = 8192),
	REFUSED("io_opt no multiple of io_min", .io_min = 8192, .io_opt = 12288),
	ACCEPTED("io_opt a multiple of io_min", .io_min = 8192, .io_opt = 65536),
	REFUSED("io_opt 1", .io_opt = 1),

	ACCEPTED("queues 1", .queues = 1),
	ACCEPTED("queues 64", .queues = 64),
	REFUSED("queues 65", .queues = 65),
	REFUSED("queues 2^32 - 1", .queues = -1u),
	ACCEPTED("depth 1", .depth = 1),
	ACCEPTED("depth 4096", .depth = 4096),
	REFUSED("depth 4097", .depth = 4097),
	REFUSED("depth 2^32 - 1", .depth = -1u),

	REFUSED("max_io 512", .max_io = 512),
	REFUSED("max_io 3584", .max_io = 3584),
	REFUSED("max_io 4095", .max_io = 4095),
	ACCEPTED("max_io 4096", .max_io = 4096),
	REFUSED("max_io 4097", .max_io = 4097),
	ACCEPTED("max_io 4608 with 512 blocks", .max_io = 4608),
	REFUSED("max_io 4608 with 4096 blocks", .max_io = 4608, .logical_block = 4096),
	ACCEPTED("max_io 16 MiB", .max_io = 16 * MIB),
	REFUSED("max_io 16 MiB + 512", .max_io = 16 * MIB + 512),
	REFUSED("max_io 2^32 - 4096", .max_io = -4096u),

	ACCEPTED("timeout_ms 1", .timeout_ms = 1),
	ACCEPTED("timeout_ms one day", .timeout_ms = DBLOCK_MAX_TIMEOUT_MS),
	REFUSED("timeout_ms one day and 1", .timeout_ms = DBLOCK_MAX_TIMEOUT_MS + 1),
	REFUSED("timeout_ms 2^32 - 1", .timeout_ms = -1u),

	REFUSED("discard_granularity 256", .discard_granularity = 256, .max_discard = MIB),
	REFUSED("discard_granularity below logical_block", .logical_block = 4096,
		.discard_granularity = 2048, .max_discard = MIB),
	REFUSED("discard_granularity 1536", .discard_granularity = 1536, .max_discard = 3072),
	ACCEPTED("discard_granularity 65536", .discard_granularity = 65536, .max_discard = MIB),
	REFUSED("max_discard below discard_granularity", .discard_granularity = 65536, .max_discard = 512),
	ACCEPTED("max_discard equal to discard_granularity", .discard_granularity = 65536, .max_discard = 65536),
	REFUSED("max_discard no multiple of discard_granularity", .discard_granularity = 65536,
		.max_discard = 65536 + 512),
	REFUSED("max_discard 1", .max_discard = 1),
	ACCEPTED("max_discard 512", .max_discard = 512),
	ACCEPTED("max_discard 1 TiB", .max_discard = 1ULL << 40),
	REFUSED("max_write_zeroes 1", .max_write_zeroes = 1),
	REFUSED("max_write_zeroes no multiple of logical_block", .logical_block = 4096, .max_write_zeroes = 512),
	ACCEPTED("max_write_zeroes 512", .max_write_zeroes = 512),
	ACCEPTED("max_write_zeroes 1 TiB", .max_write_zeroes = 1ULL << 40),

	REFUSED("recovery_ms too long", .recovery_ms = DBLOCK_MAX_RECOVERY_MS + 1),
	REFUSED("reissue without a recovery_ms", .flags = DBLOCK_F_REISSUE),
	REFUSED("max_open_zones without zones", .max_open_zones = 1),
	REFUSED("max_active_zones without zones", .max_active_zones = 1),
	REFUSED("max_append without zones", .max_append = 4096),
	REFUSED("zone_size no power of two", .zone_size = 3 * MIB, .size = 12 * MIB),
	REFUSED("zone_size below max_io", .zone_size = 512 * KIB, .size = 4 * MIB),
	REFUSED("size no multiple of zone_size", .zone_size = 2 * MIB, .size = 5 * MIB),
	REFUSED("max_open_zones above max_active_zones", .zone_size = MIB, .size = 4 * MIB,
		.max_open_zones = 3, .max_active_zones = 2),
	REFUSED("max_open_zones 65537", .zone_size = MIB, .size = 4 * MIB, .max_open_zones = DBLOCK_MAX_OPEN_ZONES + 1),
	REFUSED("max_open_zones 2^32 - 1", .zone_size = MIB, .size = 4 * MIB, .max_open_zones = -1u),
	REFUSED("max_active_zones 65537", .zone_size = MIB, .size = 4 * MIB,
		.max_active_zones = DBLOCK_MAX_OPEN_ZONES + 1),
	REFUSED("2^20 + 1 zones", .zone_size = MIB, .size = (DBLOCK_MAX_ZONES + 1) * MIB),
	REFUSED("2^32 zones", .zone_size = 4096, .max_io = 4096, .size = 4096ULL << 32),
	REFUSED("max_append above max_io", .zone_size = 4 * MIB, .size = 8 * MIB, .max_append = 2 * MIB),
	REFUSED("max_append no multiple of logical_block", .zone_size = MIB, .size = 4 * MIB, .max_append = 100),
	REFUSED("zone_size 2 TiB", .zone_size = 2ULL << 40, .size = 2ULL << 40),
	REFUSED("zoned and auto-started", .zone_size = MIB, .size = 4 * MIB, .flags = DBLOCK_F_AUTO_START),

	REFUSED("reserved[0]", .reserved = { 1 }),
	REFUSED("reserved[1]", .reserved = { 0, 1 }),
	REFUSED("reserved[2]", .reserved = { 0, 0, 1 }),
	REFUSED("reserved[3]", .reserved = { 0, 0, 0, 1ULL << 63 }),

	REFUSED("name without the prefix", .name = "disk0"),
	REFUSED("name with a piece of the prefix", .name = "dbloc"),
	REFUSED("name that is the prefix alone", .name = "dblock"),
	REFUSED("name with the prefix in capitals", .name = "DBLOCK0"),
	REFUSED("name of the control node", .name = "dblockctl"),
	ACCEPTED("name one longer than the control node", .name = "dblockctl0"),
	ACCEPTED("shortest name", .name = "dblockx"),
	ACCEPTED("longest name", .name = "dblock-6789_1234567890abcde"),
	REFUSED("name one too long", .name = "dblock-6789_1234567890abcdef"),
	REFUSED("longest terminated name", .name = "dblock-6789_1234567890abcdefghi"),
	REFUSED("name not terminated", .name = "dblock-6789_1234567890abcdefghij"),
	REFUSED("name with a slash", .name = "dblock/x"),
	REFUSED("name with dots", .name = "dblock..x"),
	REFUSED("name with a dot", .name = "dblock.x"),
	REFUSED("name with a space", .name = "dblock x"),
	REFUSED("name with a newline", .name = "dblockx\n"),
	REFUSED("name with a percent sign", .name = "dblock%d"),
	REFUSED("name with an exclamation mark", .name = "dblock!x"),
	REFUSED("name with DEL", .name = "dblock\177"),
	REFUSED("name with a letter beyond ASCII", .name = "dblock\303\244"),
	REFUSED("name with a byte 255", .name = "dblock\377"),
};

static int wanted_error(const struct row *row)
{
	if (!row->error && row->spec.size > LARGEST_OF_32_BIT && kernel_is_32_bit())
		return EINVAL;
	return row->error;
}

/* Refused: nothing was made. Accepted: it can also be started and destroyed. */
static void creates(const void *arg)
{
	const struct row *row = arg;
	struct dblock_create spec = row->spec;
	struct dblock_list before = { 0 }, after = { 0 };
	int session = session_open();

	check_ok(ioctl(session, DBLOCK_CTL_LIST, &before));
	if (wanted_error(row)) {
		check_fails(wanted_error(row), ctl_create(session, &spec));
		check_ok(ioctl(session, DBLOCK_CTL_LIST, &after));
		check_eq(after.count, before.count);
		return;
	}
	check_ok(ctl_create(session, &spec));
	check(spec.id, "no id");
	check(!strncmp(spec.name, DBLOCK_NAME_PREFIX, strlen(DBLOCK_NAME_PREFIX)), "name %.32s", spec.name);
	if (row->spec.name[0])
		check(!strcmp(spec.name, row->spec.name), "name became %.32s", spec.name);
	/* Without partitions nothing is read, so nobody need serve. */
	if (spec.flags & DBLOCK_F_NO_PARTITIONS) {
		check_ok(ctl_start(session, spec.id));
		check_wait(10, node_exists(spec.name), "waiting for /dev/%s", spec.name);
	}
	/* udev may wait for an answer that nobody gives. */
	check_ok(ctl_destroy(session, spec.id, DBLOCK_DESTROY_FORCE));
	check(!device_exists(spec.name), "/sys/block/%s is still there", spec.name);
}

CASE(name_taken_is_eexist)
{
	struct dblock_create spec = { BASE, .name = "dblocktaken" }, again = spec, third = spec;
	int session = session_open(), other = session_open();

	check_ok(ctl_create(session, &spec));
	check_fails(EEXIST, ctl_create(session, &again));
	check_fails(EEXIST, ctl_create(other, &again));
	check_ok(ctl_destroy_patiently(session, spec.id));
	check_ok(ctl_create_patiently(other, &third));
	check(third.id != spec.id, "id %u used twice", spec.id);
	check_ok(ctl_destroy_patiently(session, third.id));
}

/* The second name would be a partition's of the first, or the other way round. */
static void collides(const void *arg)
{
	const char *const *names = arg;

	for (int swap = 0; swap < 2; swap++) {
		struct dblock_create first = { BASE }, second = { BASE };
		int session = session_open();

		strcpy(first.name, names[swap]);
		strcpy(second.name, names[!swap]);
		check_ok(ctl_create(session, &first));
		check_fails(EEXIST, ctl_create(session, &second));
		check_ok(ctl_destroy_patiently(session, first.id));
		check_ok(ctl_create_patiently(session, &second));
		check_ok(ctl_destroy_patiently(session, second.id));
		close(session);
	}
}

static const char *const letters[] = { "dblocka", "dblocka1" };
static const char *const letters_long[] = { "dblocka", "dblocka123" };
static const char *const digits[] = { "dblock1", "dblock1p1" };
static const char *const digits_long[] = { "dblock1", "dblock1p15" };
static const char *const dash[] = { "dblock-", "dblock-7" };

CASE(similar_names_do_not_collide)
{
	static const char *const names[] = {
		"dblocka", "dblockab", "dblockap1", "dblock1", "dblock12", "dblock1p", "dblock1px", "dblock1-1",
	};
	int session = session_open();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct dblock_create spec = { BASE };

		strcpy(spec.name, names[i]);
		step("creating %s", names[i]);
		check_ok(ctl_create(session, &spec));
	}
}

CASE(kernel_picks_free_names)
{
	struct dblock_create specs[4] = { { BASE }, { BASE, .name = "dblock1" }, { BASE }, { BASE } };
	int session = session_open();

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		check_ok(ctl_create(session, &specs[i]));
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		check(strspn(specs[i].name + 6, "0123456789") == strlen(specs[i].name) - 6,
		      "name %s", specs[i].name);
		for (size_t j = 0; j < i; j++)
			check(strcmp(specs[i].name, specs[j].name), "%s twice", specs[i].name);
	}
}

static void create_named(int session, struct dblock_create *spec, const char *name)
{
	*spec = (struct dblock_create){ BASE };
	strcpy(spec->name, name);
	step("creating a device called \"%s\"", name);
	check_ok(ctl_create(session, spec));
}

static void check_chosen(int session, struct dblock_create *spec, const char *name)
{
	create_named(session, spec, "");
	check(!strcmp(spec->name, name), "it is called %s, not %s", spec->name, name);
}

/* It picks the lowest free number: names given by users block theirs, until they are gone. */
CASE(kernel_leaves_out_numbers_in_use)
{
	struct dblock_create one, three[3], four, chosen[5], again[2];
	int session = session_open();

	create_named(session, &one, "dblock1");
	create_named(session, &three[0], "dblock3p1");
	create_named(session, &three[1], "dblock3p2");
	create_named(session, &four, "dblock04");
	check_chosen(session, &chosen[0], "dblock0");
	check_chosen(session, &chosen[1], "dblock2");
	check_chosen(session, &chosen[2], "dblock4");
	check_ok(ctl_destroy_patiently(session, three[0].id));
	check_chosen(session, &chosen[3], "dblock5");
	create_named(session, &three[2], "dblock3p7");
	check_ok(ctl_destroy_patiently(session, three[1].id));
	check_chosen(session, &chosen[4], "dblock6");
	check_ok(ctl_destroy_patiently(session, three[2].id));
	check_ok(ctl_destroy_patiently(session, one.id));
	check_chosen(session, &again[0], "dblock1");
	check_chosen(session, &again[1], "dblock3");
	check_ok(ctl_destroy_patiently(session, chosen[2].id));
	create_named(session, &chosen[2], "dblock4");
	check_chosen(session, &chosen[2], "dblock7");
}

static int compare_times(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

/*
 * That of the thread, which others on the machine do not change; or, where the
 * kernel counts that in ticks (User Mode Linux), that on the wall.
 */
static clockid_t finest_clock(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	} while (to.tv_nsec == from.tv_nsec);
	return to.tv_sec == from.tv_sec && to.tv_nsec - from.tv_nsec < 500000 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
}

static double create_time(clockid_t clock, int session, const char *name)
{
	struct dblock_create spec = { BASE, .depth = 1 };
	struct timespec from, to;

	strcpy(spec.name, name);
	clock_gettime(clock, &from);
	check_ok(ctl_create(session, &spec));
	clock_gettime(clock, &to);
	return to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) * 1e-9;
}

struct naming {
	const char *first;	/* the format of the names of all but the last devices; NULL: picked */
	const char *last;
};

static uint32_t devices_there(int session)
{
	struct dblock_list list = { 0 };

	check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
	return list.count;
}

static void create_does_not_slow_down(const void *arg)
{
	enum { MOST_DEVICES = 1000, ROUNDS = 5 };
	const struct naming *naming = arg;
	/* With lockdep, an end takes long that does not depend on how many there are. */
	const int devices = slowness > 1 ? 200 : MOST_DEVICES, part = devices / 10;
	clockid_t clock = finest_clock();
	int control = session_open();
	uint32_t before = devices_there(control);
	double times[MOST_DEVICES], first, last;

	/* Other work on the machine meets the last ones now and then; what grows with the devices does so each time. */
	for (int round = 0; round < ROUNDS; round++) {
		int session = session_open();

		for (int i = 0; i < devices; i++) {
			const char *format = i < devices - part ? naming->first : naming->last;
			char name[DBLOCK_NAME_LEN] = "";

			if (format)
				snprintf(name, sizeof(name), format, i);
			times[i] = create_time(clock, session, name);
		}
		close(session);
		check_wait(60, devices_there(control) == before, "all %d devices to go", devices);
		qsort(times, part, sizeof(*times), compare_times);
		qsort(times + devices - part, part, sizeof(*times), compare_times);
		/* The fastest: new memory, and other work on the machine, make some of them slower. */
		first = times[0];
		last = times[devices - part];
		note("the fastest of the first %d: %.0f us, of the last: %.0f us", part, first * 1e6, last * 1e6);
		if (last < 3 * first)
			return;
	}
	check(false, "%.0f us with few devices, %.0f us with many, and so each time", first * 1e6, last * 1e6);
}

CASE(defaults_are_filled_in)
{
	struct dblock_create spec = { .size = MIB, .max_discard = MIB };

	check_ok(ctl_create(session_open(), &spec));
	check_eq(spec.logical_block, DBLOCK_DEFAULT_LOGICAL_BLOCK);
	check_eq(spec.physical_block, DBLOCK_DEFAULT_LOGICAL_BLOCK);
	check_eq(spec.io_min, DBLOCK_DEFAULT_LOGICAL_BLOCK);
	check_eq(spec.io_opt, 0);
	check_eq(spec.queues, DBLOCK_DEFAULT_QUEUES);
	check_eq(spec.depth, DBLOCK_DEFAULT_DEPTH);
	check_eq(spec.max_io, DBLOCK_DEFAULT_IO);
	check_eq(spec.timeout_ms, DBLOCK_DEFAULT_TIMEOUT_MS);
	check_eq(spec.discard_granularity, DBLOCK_DEFAULT_LOGICAL_BLOCK);
	check_eq(spec.max_write_zeroes, 0);
	check_eq(spec.size, MIB);
}

CASE(queues_are_at_most_one_a_cpu)
{
	struct dblock_create spec = { BASE, .queues = 64 };
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	check_ok(ctl_create(session_open(), &spec));
	check(spec.queues >= 1 && spec.queues <= 64 && (long)spec.queues <= cpus, "%u queues on %ld CPUs",
	      spec.queues, cpus);
}

CASE(create_and_destroy_need_cap_sys_admin)
{
	struct dblock_create spec = { BASE }, other = { BASE };
	struct dblock_info info;
	int session = session_open();

	check_ok(ctl_create(session, &spec));
	drop_sys_admin();
	check_fails(EPERM, ctl_create(session, &other));
	check_fails(EPERM, ctl_destroy(session, spec.id, 0));
	check_fails(EPERM, ctl_destroy(session, spec.id, DBLOCK_DESTROY_FORCE));
	check_ok(ctl_info(session, spec.id, &info));
	check_eq(info.state, DBLOCK_STATE_CREATED);
}

/* Nothing is made when the answer cannot be written back. */
CASE(read_only_structure_is_efault)
{
	static const struct dblock_create constant = { BASE };
	struct dblock_list before = { 0 }, after = { 0 };
	int session = session_open();

	check_ok(ioctl(session, DBLOCK_CTL_LIST, &before));
	check_fails(EFAULT, ioctl(session, DBLOCK_CTL_CREATE, &constant));
	check_ok(ioctl(session, DBLOCK_CTL_LIST, &after));
	check_eq(after.count, before.count);
}

int main(int argc, char **argv)
{
	static const struct naming picked = { NULL, NULL }, given = { "dblockmany%d", "dblockmany%d" },
				   mixed = { "dblock%d", NULL };
	static const struct test others[] = {
		TEST(name_taken_is_eexist),
		{ "dblocka_and_dblocka1_collide", collides, letters, 0 },
		{ "dblocka_and_dblocka123_collide", collides, letters_long, 0 },
		{ "dblock1_and_dblock1p1_collide", collides, digits, 0 },
		{ "dblock1_and_dblock1p15_collide", collides, digits_long, 0 },
		{ "dblock-_and_dblock-7_collide", collides, dash, 0 },
		TEST(similar_names_do_not_collide),
		TEST(kernel_picks_free_names),
		TEST(kernel_leaves_out_numbers_in_use),
		{ "create_with_picked_names_does_not_slow_down", create_does_not_slow_down, &picked, 120 },
		{ "create_with_given_names_does_not_slow_down", create_does_not_slow_down, &given, 120 },
		{ "create_does_not_slow_down_where_numbers_are_given", create_does_not_slow_down, &mixed, 120 },
		TEST(defaults_are_filled_in),
		TEST(queues_are_at_most_one_a_cpu),
		TEST(create_and_destroy_need_cap_sys_admin),
		TEST(read_only_structure_is_efault),
	};
	struct test tests[ARRAY_SIZE(rows) + ARRAY_SIZE(others)];
	static char names[ARRAY_SIZE(rows)][80];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "%s: %s", wanted_error(&rows[i]) ? "refused" : "accepted",
			 rows[i].name);
		tests[i] = (struct test){ names[i], creates, &rows[i], 0 };
	}
	memcpy(tests + ARRAY_SIZE(rows), others, sizeof(others));
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
