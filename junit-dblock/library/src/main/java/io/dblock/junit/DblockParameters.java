// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/**
 * The names of the configuration parameters of {@link DblockDevice @DblockDevice} and {@link DblockExtension}.
 *
 * <p>Each parameter is the default of the attribute or builder method of the same name. It applies wherever that is not
 * set; what a test sets always wins. The parameters are set like any JUnit parameter: in
 * {@code junit-platform.properties}, as system properties, or by the build tool. Surrounding white space is ignored. An
 * empty value counts as not set.
 */
public final class DblockParameters {
    private DblockParameters() {}

    /** The prefix of all names below: {@value}. */
    public static final String PREFIX = "junit.dblock.";

    /** The size of a device, such as {@code 64MiB}: {@value}. See {@link DblockDevice#size()}. */
    public static final String SIZE = PREFIX + "size";

    /**
     * The logical block size, such as {@code 4096} or {@code 4KiB}: {@value}. See
     * {@link DblockDevice#logicalBlockSize()}.
     */
    public static final String LOGICAL_BLOCK_SIZE = PREFIX + "logicalBlockSize";

    /**
     * The physical block size, such as {@code 4096} or {@code 4KiB}: {@value}. See
     * {@link DblockDevice#physicalBlockSize()}.
     */
    public static final String PHYSICAL_BLOCK_SIZE = PREFIX + "physicalBlockSize";

    /**
     * {@code none}, {@code ext4}, {@code xfs} or {@code btrfs}, in any case: {@value}. See
     * {@link DblockDevice#filesystem()}.
     */
    public static final String FILESYSTEM = PREFIX + "filesystem";

    /**
     * The options of mkfs, separated by white space: {@value}. Ignored for devices without a filesystem. See
     * {@link DblockDevice#mkfsOptions()}.
     */
    public static final String MKFS_OPTIONS = PREFIX + "mkfsOptions";

    /**
     * The options of mount, separated by commas: {@value}. Ignored for devices without a filesystem. See
     * {@link DblockDevice#mountOptions()}.
     */
    public static final String MOUNT_OPTIONS = PREFIX + "mountOptions";

    /** {@code write_back} or {@code none}, in any case: {@value}. See {@link DblockDevice#cache()}. */
    public static final String CACHE = PREFIX + "cache";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#readOnly()}. */
    public static final String READ_ONLY = PREFIX + "readOnly";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#discard()}. */
    public static final String DISCARD = PREFIX + "discard";

    /** The number of hardware queues: {@value}. See {@link DblockDevice#queues()}. */
    public static final String QUEUES = PREFIX + "queues";

    /** How many requests can be under way per queue: {@value}. See {@link DblockDevice#depth()}. */
    public static final String DEPTH = PREFIX + "depth";

    /**
     * The name of a device: {@value}. Unless it contains {@code {n}}, no two devices of this name can exist at a time.
     * See {@link DblockDevice#name()}.
     */
    public static final String NAME = PREFIX + "name";

    /** The image file: {@value}. See {@link DblockDevice#image()}. */
    public static final String IMAGE = PREFIX + "image";

    /**
     * {@code read_only}, {@code copy_on_write} or {@code in_place}, in any case: {@value}. See
     * {@link DblockDevice#imageMode()}.
     */
    public static final String IMAGE_MODE = PREFIX + "imageMode";

    /** The fully qualified name of a handler class: {@value}. See {@link DblockDevice#handler()}. */
    public static final String HANDLER = PREFIX + "handler";

    /**
     * {@code always}, {@code on_success} or {@code never}, in any case: {@value}. See {@link DblockDevice#cleanup()}.
     */
    public static final String CLEANUP = PREFIX + "cleanup";

    /**
     * How long a request may be held, as {@code 30s}, {@code 500ms}, {@code 2m} or an ISO-8601 duration: {@value}. See
     * {@link DblockDevice#requestTimeout()}.
     */
    public static final String REQUEST_TIMEOUT = PREFIX + "requestTimeout";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#failOnHandlerException()}. */
    public static final String FAIL_ON_HANDLER_EXCEPTION = PREFIX + "failOnHandlerException";

    /**
     * {@code automatic}, {@code server_process} or {@code test_jvm}, in any case: {@value}. See
     * {@link DblockDevice#placement()}.
     */
    public static final String PLACEMENT = PREFIX + "placement";

    /** The limit of the volatile cache, such as {@code 16MiB}: {@value}. See {@link DblockDevice#cacheLimit()}. */
    public static final String CACHE_LIMIT = PREFIX + "cacheLimit";

    /** How many entries the journal keeps: {@value}. See {@link DblockDevice#journalEntries()}. */
    public static final String JOURNAL_ENTRIES = PREFIX + "journalEntries";

    /** The size of a zone: {@value}. See {@link DblockDevice#zoneSize()}. */
    public static final String ZONE_SIZE = PREFIX + "zoneSize";

    /** The number of conventional zones: {@value}. See {@link DblockDevice#conventionalZones()}. */
    public static final String CONVENTIONAL_ZONES = PREFIX + "conventionalZones";

    /** How many zones can be open at a time: {@value}. See {@link DblockDevice#maxOpenZones()}. */
    public static final String MAX_OPEN_ZONES = PREFIX + "maxOpenZones";

    /** How many zones can be active at a time: {@value}. See {@link DblockDevice#maxActiveZones()}. */
    public static final String MAX_ACTIVE_ZONES = PREFIX + "maxActiveZones";

    /** The seed of all random choices, as a failed test reports it: {@value}. See {@link DblockDevice#seed()}. */
    public static final String SEED = PREFIX + "seed";

    /**
     * {@code on_failure}, {@code always} or {@code never}, in any case: {@value}. See {@link DblockDevice#artifacts()}.
     */
    public static final String ARTIFACTS = PREFIX + "artifacts";

    /** The directory for {@link #ARTIFACTS}: {@value}. See {@link DblockDevice#artifactsDirectory()}. */
    public static final String ARTIFACTS_DIRECTORY = PREFIX + "artifactsDirectory";

    /** {@code fail} or {@code skip}, in any case: {@value}. See {@link DblockDevice#unavailable()}. */
    public static final String UNAVAILABLE = PREFIX + "unavailable";
}
