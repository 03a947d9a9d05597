// SPDX-License-Identifier: GPL-2.0-only
/* The numbers both sides must agree on, and the calls that have no device. */
#include "harness.h"

#include <sys/stat.h>

CASE(structures_have_their_fixed_sizes_and_offsets)
{
	check_eq(sizeof(struct dblock_version), 80);
	check_eq(sizeof(struct dblock_create), 160);
	check_eq(sizeof(struct dblock_target), 56);
	check_eq(sizeof(struct dblock_info), 224);
	check_eq(sizeof(struct dblock_change), 88);
	check_eq(sizeof(struct dblock_list), 32);
	check_eq(sizeof(struct dblock_request), 64);
	check_eq(sizeof(struct dblock_answer), 48);
	check_eq(sizeof(struct dblock_serve), 104);
	check_eq(offsetof(struct dblock_create, recovery_ms), 52);
	check_eq(offsetof(struct dblock_create, name), 72);
	check_eq(offsetof(struct dblock_create, id), 104);
	check_eq(offsetof(struct dblock_create, zone_size), 112);
	check_eq(offsetof(struct dblock_create, max_append), 124);
	check_eq(offsetof(struct dblock_info, state), 160);
	check_eq(offsetof(struct dblock_info, oldest), 188);
	check_eq(offsetof(struct dblock_info, oldest_sector), 192);
	check_eq(offsetof(struct dblock_info, oldest_op), 208);
	check_eq(offsetof(struct dblock_request, op), 32);
	check_eq(offsetof(struct dblock_request, ioprio), 40);
	check_eq(offsetof(struct dblock_request, write_hint), 42);
	check_eq(offsetof(struct dblock_request, issued_ns), 48);
	check_eq(offsetof(struct dblock_request, fetched_ns), 56);
	check_eq(offsetof(struct dblock_answer, result), 24);
	check_eq(offsetof(struct dblock_serve, timeout_ns), 40);
	check_eq(offsetof(struct dblock_serve, consumed), 60);
}

CASE(call_numbers_are_fixed)
{
	check_eq(DBLOCK_CTL_VERSION, 0x8050db00u);
	check_eq(DBLOCK_CTL_CREATE, 0xc0a0db01u);
	check_eq(DBLOCK_CTL_START, 0x4038db02u);
	check_eq(DBLOCK_CTL_DESTROY, 0x4038db03u);
	check_eq(DBLOCK_CTL_INFO, 0xc0e0db04u);
	check_eq(DBLOCK_CTL_LIST, 0xc020db05u);
	check_eq(DBLOCK_CTL_CHANGE, 0x4058db06u);
	check_eq(DBLOCK_CTL_ADOPT, 0x4038db07u);
	check_eq(DBLOCK_SERVE, 0xc068db10u);
}

CASE(version_tells_abi_features_and_module)
{
	struct dblock_version version;

	memset(&version, 0xff, sizeof(version));
	check_ok(ioctl(session_open(), DBLOCK_CTL_VERSION, &version));
	check_eq(version.abi, DBLOCK_ABI_VERSION);
	check_eq(version.features, DBLOCK_FEAT_WRITE_ZEROES | DBLOCK_FEAT_PARTIAL_ERROR |
				   DBLOCK_FEAT_ANSWER_ZEROES | DBLOCK_FEAT_ANSWER_MORE |
				   DBLOCK_FEAT_POLL | DBLOCK_FEAT_OLDEST | DBLOCK_FEAT_CHANGE |
				   DBLOCK_FEAT_RECOVERY | DBLOCK_FEAT_HINTS | DBLOCK_FEAT_READ |
				   DBLOCK_FEAT_TIMES | DBLOCK_FEAT_SEGMENTS |
				   (kernel_at_least(6, 11) ? DBLOCK_FEAT_ZONED : 0));
	check_eq(version.reserved0, 0);
	check(all_bytes(version.reserved, sizeof(version.reserved), 0), "reserved members are not zero");
	check(memchr(version.module, 0, sizeof(version.module)) && version.module[0],
	      "the module's version is empty or not terminated");
	note("module version %s", version.module);
}

CASE(control_node_is_for_its_owner_only)
{
	struct stat st;

	check_ok(stat(DBLOCK_CTL_PATH, &st));
	check(S_ISCHR(st.st_mode), "mode %o", st.st_mode);
	check_eq(st.st_mode & 0777, 0600);
	check_eq(st.st_uid, 0);
}

CASE(unknown_calls_and_other_sizes_are_refused)
{
	int session = session_open();
	uint8_t memory[512] = { 0 };

	check_fails(ENOTTY, ioctl(session, _IO(DBLOCK_IOC_MAGIC, 0), memory));
	check_fails(ENOTTY, ioctl(session, _IOWR(DBLOCK_IOC_MAGIC, 0x01, uint64_t), memory));
	check_fails(ENOTTY, ioctl(session, _IOC(_IOC_READ | _IOC_WRITE, DBLOCK_IOC_MAGIC, 0x01,
						sizeof(struct dblock_create) + 8), memory));
	check_fails(ENOTTY, ioctl(session, _IOW(DBLOCK_IOC_MAGIC, 0x01, struct dblock_create), memory));
	check_fails(ENOTTY, ioctl(session, _IOWR(DBLOCK_IOC_MAGIC, 0x7f, struct dblock_create), memory));
	check_fails(ENOTTY, ioctl(session, _IOWR('x', 0x01, struct dblock_create), memory));
	check_fails(ENOTTY, ioctl(session, 0, memory));
}

CASE(bad_addresses_are_refused)
{
	static const unsigned long calls[] = {
		DBLOCK_CTL_VERSION, DBLOCK_CTL_CREATE, DBLOCK_CTL_START, DBLOCK_CTL_DESTROY,
		DBLOCK_CTL_INFO, DBLOCK_CTL_LIST, DBLOCK_SERVE,
	};
	int session = session_open();

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		check_fails(EFAULT, ioctl(session, calls[i], NULL));
		check_fails(EFAULT, ioctl(session, calls[i], (void *)-4096L));
		check_fails(EFAULT, ioctl(session, calls[i], (void *)(uintptr_t)0xffff888000000000));
	}
}

CASE(calls_about_no_device_say_so)
{
	struct dblock_info info = { .create.name = "dblocknosuch" };
	struct dblock_request request;
	struct dblock_serve serve = { .requests = (uintptr_t)&request, .device = 77777 };
	int session = session_open();

	check_fails(ENODEV, ctl_start(session, 77777));
	check_fails(ENODEV, ctl_destroy(session, 77777, 0));
	check_fails(ENODEV, ctl_destroy_name(session, "dblocknosuch", 0));
	check_fails(ENODEV, ctl_info(session, 77777, &info));
	info = (struct dblock_info){ .create.name = "dblocknosuch" };
	check_fails(ENODEV, ioctl(session, DBLOCK_CTL_INFO, &info));
	check_fails(ENODEV, ioctl(session, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 0);
	check_eq(serve.nr_requests, 0);
}

CASE(targets_are_validated)
{
	struct dblock_create spec = spec_of(MIB);
	struct dblock_target target;
	int session = session_open();

	check_ok(ctl_create(session, &spec));
#define REFUSED(call, ...)						\
	do {								\
		target = (struct dblock_target){ __VA_ARGS__ };		\
		check_fails(EINVAL, ioctl(session, call, &target));	\
	} while (0)
	REFUSED(DBLOCK_CTL_DESTROY, .id = 0);
	REFUSED(DBLOCK_CTL_DESTROY, .id = spec.id, .name = "dblock0");
	REFUSED(DBLOCK_CTL_DESTROY, .id = spec.id, .flags = 2);
	REFUSED(DBLOCK_CTL_DESTROY, .id = spec.id, .flags = 1u << 31);
	REFUSED(DBLOCK_CTL_DESTROY, .id = spec.id, .reserved = { 1 });
	REFUSED(DBLOCK_CTL_DESTROY, .id = spec.id, .reserved = { 0, 1 });
	REFUSED(DBLOCK_CTL_START, .id = spec.id, .flags = DBLOCK_DESTROY_FORCE);
	REFUSED(DBLOCK_CTL_START, .id = spec.id, .reserved = { 1 });
	memset(&target, 0, sizeof(target));
	memset(target.name, 'd', sizeof(target.name));
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_DESTROY, &target));
	check_ok(ctl_destroy_patiently(session, spec.id));
}

CASE(info_and_list_are_validated)
{
	struct dblock_create spec = spec_of(MIB);
	struct dblock_info info;
	struct dblock_list list;
	uint32_t ids[4];
	int session = session_open();

	check_ok(ctl_create(session, &spec));
	info = (struct dblock_info){ 0 };
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_INFO, &info));
	info = (struct dblock_info){ .create.id = spec.id, .create.name = "dblock0" };
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_INFO, &info));
	/* All that was reserved before it was given a meaning on the way out. */
	for (size_t i = offsetof(struct dblock_info, oldest_sector); i < sizeof(info); i++) {
		info = (struct dblock_info){ .create.id = spec.id };
		((uint8_t *)&info)[i] = 1;
		check_fails(EINVAL, ioctl(session, DBLOCK_CTL_INFO, &info));
	}
	list = (struct dblock_list){ .ids = (uintptr_t)ids, .capacity = 4, .reserved = { 0, 1 } };
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_LIST, &list));
	list = (struct dblock_list){ .ids = 0, .capacity = 4 };
	check_fails(EFAULT, ioctl(session, DBLOCK_CTL_LIST, &list));
	/* Only counting needs no array. */
	list = (struct dblock_list){ 0 };
	check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
	check(list.count >= 1, "count %u", list.count);
	check_ok(ctl_destroy_patiently(session, spec.id));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(structures_have_their_fixed_sizes_and_offsets),
		TEST(call_numbers_are_fixed),
		TEST(version_tells_abi_features_and_module),
		TEST(control_node_is_for_its_owner_only),
		TEST(unknown_calls_and_other_sizes_are_refused),
		TEST(bad_addresses_are_refused),
		TEST(calls_about_no_device_say_so),
		TEST(targets_are_validated),
		TEST(info_and_list_are_validated),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
