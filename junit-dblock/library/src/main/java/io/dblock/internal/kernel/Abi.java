// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/**
 * Numbers and layouts of dblock.h. A test compiles a C program against that header and compares every one of them.
 *
 * <p>Names are those of the header without the prefix {@code DBLOCK_}; {@code X_Y} is the offset of member y of
 * structure x, in bytes.
 */
public final class Abi {
    private Abi() {}

    public static final String CTL_PATH = "/dev/dblockctl";
    public static final int ABI_VERSION = 1;
    static final int NAME_LEN = 32;
    static final int SECTOR_SIZE = 512;
    static final int MAX_BATCH = 4096;
    static final int MIN_IO = 4096;

    public static final long FEAT_WRITE_ZEROES = 1 << 0;
    public static final long FEAT_PARTIAL_ERROR = 1 << 1;
    static final long FEAT_ANSWER_ZEROES = 1 << 2;
    static final long FEAT_ANSWER_MORE = 1 << 3;
    static final long FEAT_POLL = 1 << 4;
    static final long FEAT_OLDEST = 1 << 5;
    static final long FEAT_TIMES = 1 << 11;
    static final long FEAT_SEGMENTS = 1 << 12;

    static final int VERSION_SIZE = 80;
    static final int VERSION_ABI = 0;
    static final int VERSION_FEATURES = 8;
    static final int VERSION_MODULE = 16;

    static final int CREATE_SIZE = 160;
    static final int CREATE_FLAGS = 0;
    static final int CREATE_SIZE_BYTES = 8;
    static final int CREATE_LOGICAL_BLOCK = 16;
    static final int CREATE_PHYSICAL_BLOCK = 20;
    static final int CREATE_IO_MIN = 24;
    static final int CREATE_IO_OPT = 28;
    static final int CREATE_QUEUES = 32;
    static final int CREATE_DEPTH = 36;
    static final int CREATE_MAX_IO = 40;
    static final int CREATE_TIMEOUT_MS = 44;
    static final int CREATE_DISCARD_GRANULARITY = 48;
    static final int CREATE_MAX_DISCARD = 56;
    static final int CREATE_MAX_WRITE_ZEROES = 64;
    static final int CREATE_NAME = 72;
    static final int CREATE_ID = 104;
    static final int CREATE_MAX_OPEN_ZONES = 108;
    static final int CREATE_ZONE_SIZE = 112;
    static final int CREATE_MAX_ACTIVE_ZONES = 120;
    static final int CREATE_MAX_APPEND = 124;

    static final int DESTROY_FORCE = 1;

    static final int TARGET_SIZE = 56;
    static final int TARGET_ID = 0;
    static final int TARGET_FLAGS = 4;
    static final int TARGET_NAME = 8;

    // DBLOCK_CHANGE_SIZE and so on: bits of the member what.
    static final int WHAT_SIZE = 1 << 0;
    static final int WHAT_READ_ONLY = 1 << 1;

    static final int CHANGE_SIZE = 88;
    static final int CHANGE_ID = 0;
    static final int CHANGE_WHAT = 4;
    static final int CHANGE_NAME = 8;
    static final int CHANGE_SIZE_BYTES = 40;
    static final int CHANGE_READ_ONLY = 48;

    static final int STATE_CREATED = 1;
    static final int STATE_LIVE = 2;
    static final int STATE_ENDING = 3;
    static final int STATE_WAITING = 4;

    static final int INFO_SIZE = 224;
    static final int INFO_CREATE = 0;
    static final int INFO_STATE = 160;
    static final int INFO_OPENERS = 164;
    static final int INFO_MAJOR = 168;
    static final int INFO_MINOR = 172;
    static final int INFO_OWNER = 176;
    static final int INFO_SERVERS = 180;
    static final int INFO_PENDING = 184;
    static final int INFO_OLDEST = 188;
    static final int INFO_OLDEST_SECTOR = 192;
    static final int INFO_OLDEST_LENGTH = 200;
    static final int INFO_OLDEST_AGE_MS = 204;
    static final int INFO_OLDEST_OP = 208;
    static final int INFO_OLDEST_QUEUE = 210;

    static final int OLDEST_NONE = 0;
    static final int OLDEST_WAITING = 1;
    static final int OLDEST_HELD = 2;

    static final int LIST_SIZE = 32;
    static final int LIST_IDS = 0;
    static final int LIST_CAPACITY = 8;
    static final int LIST_COUNT = 12;

    static final int OP_READ = 0;
    static final int OP_WRITE = 1;
    static final int OP_FLUSH = 2;
    static final int OP_DISCARD = 3;
    static final int OP_WRITE_ZEROES = 4;
    static final int OP_ZONE_REPORT = 5;
    static final int OP_ZONE_OPEN = 6;
    static final int OP_ZONE_CLOSE = 7;
    static final int OP_ZONE_FINISH = 8;
    static final int OP_ZONE_RESET = 9;
    static final int OP_ZONE_RESET_ALL = 10;
    static final int OP_ZONE_APPEND = 11;

    static final int REQ_FUA = 1 << 0;
    static final int REQ_META = 1 << 1;
    static final int REQ_SYNC = 1 << 2;
    static final int REQ_NOUNMAP = 1 << 3;
    static final int REQ_RAHEAD = 1 << 4;
    static final int REQ_PRIO = 1 << 5;
    static final int REQ_BACKGROUND = 1 << 6;
    static final int REQ_SWAP = 1 << 7;

    static final int REQUEST_SIZE = 64;
    static final int REQUEST_COOKIE = 0;
    static final int REQUEST_SECTOR = 8;
    static final int REQUEST_LENGTH = 16;
    static final int REQUEST_DATA = 24;
    static final int REQUEST_OP = 32;
    static final int REQUEST_QUEUE = 34;
    static final int REQUEST_FLAGS = 36;
    static final int REQUEST_IOPRIO = 40;
    static final int REQUEST_WRITE_HINT = 42;
    static final int REQUEST_ISSUED_NS = 48;
    static final int REQUEST_FETCHED_NS = 56;

    static final int ANS_ZEROES = 1 << 0;
    static final int ANS_MORE = 1 << 1;
    static final int ANS_SEGMENTS = 1 << 2;

    static final int SEGMENT_SIZE = 16;
    static final int SEGMENT_DATA = 0;
    static final int SEGMENT_LENGTH = 8;

    static final int ANSWER_SIZE = 48;
    static final int ANSWER_COOKIE = 0;
    static final int ANSWER_DATA = 8;
    static final int ANSWER_LENGTH = 16;
    static final int ANSWER_RESULT = 24;
    static final int ANSWER_FLAGS = 28;
    static final int ANSWER_SEGMENTS = 32;

    static final int QUEUE_ANY = -1;
    static final int SERVE_END = 1;

    static final int SERVE_SIZE = 104;
    static final int SERVE_DEVICE = 0;
    static final int SERVE_QUEUE = 4;
    static final int SERVE_ANSWERS = 8;
    static final int SERVE_REQUESTS = 16;
    static final int SERVE_BUFFER = 24;
    static final int SERVE_BUFFER_SIZE = 32;
    static final int SERVE_TIMEOUT_NS = 40;
    static final int SERVE_NR_ANSWERS = 48;
    static final int SERVE_MAX_REQUESTS = 52;
    static final int SERVE_FLAGS = 56;
    static final int SERVE_CONSUMED = 60;
    static final int SERVE_NR_REQUESTS = 64;
    static final int SERVE_STATE = 68;
    static final int SERVE_RESULT = 72;

    // _IOC of asm-generic/ioctl.h, which x86, ARM and RISC-V use.
    private static final int WRITE = 1;
    private static final int READ = 2;
    private static final int MAGIC = 0xdb;

    static final long CTL_VERSION = ioc(READ, 0x00, VERSION_SIZE);
    static final long CTL_CREATE = ioc(READ | WRITE, 0x01, CREATE_SIZE);
    static final long CTL_START = ioc(WRITE, 0x02, TARGET_SIZE);
    static final long CTL_DESTROY = ioc(WRITE, 0x03, TARGET_SIZE);
    static final long CTL_INFO = ioc(READ | WRITE, 0x04, INFO_SIZE);
    static final long CTL_LIST = ioc(READ | WRITE, 0x05, LIST_SIZE);
    static final long CTL_CHANGE = ioc(WRITE, 0x06, CHANGE_SIZE);
    static final long SERVE = ioc(READ | WRITE, 0x10, SERVE_SIZE);

    private static long ioc(int direction, int number, int size) {
        return (long) direction << 30 | (long) size << 16 | MAGIC << 8 | number;
    }
}
