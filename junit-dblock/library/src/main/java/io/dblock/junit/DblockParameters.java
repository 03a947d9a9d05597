// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/**
 * The names of the configuration parameters of {@link DblockDevice @DblockDevice} and {@link DblockExtension}.
 *
 * <p>Each is the default of the attribute or builder method of the same name: it holds wherever that was left out, and
 * what a test says itself always wins. They are set like any parameter of JUnit's: in {@code junit-platform.properties},
 * as system properties, or by the build tool. Surrounding white space is ignored, an empty value is as good as none.
 */
public final class DblockParameters {
    private DblockParameters() {}

    /** What all the names below begin with: {@value}. */
    public static final String PREFIX = "junit.dblock.";

    /** Size of a device, as {@code 64MiB}: {@value}. See {@link DblockDevice#size()}. */
    public static final String SIZE = PREFIX + "size";

    /** Logical block size, as {@code 4096} or {@code 4KiB}: {@value}. See {@link DblockDevice#logicalBlockSize()}. */
    public static final String LOGICAL_BLOCK_SIZE = PREFIX + "logicalBlockSize";

    /** Physical block size, as {@code 4096} or {@code 4KiB}: {@value}. See {@link DblockDevice#physicalBlockSize()}. */
    public static final String PHYSICAL_BLOCK_SIZE = PREFIX + "physicalBlockSize";

    /**
     * {@code none}, {@code ext4}, {@code xfs} or {@code btrfs}, in any case: {@value}. See
     * {@link DblockDevice#filesystem()}.
     */
    public static final String FILESYSTEM = PREFIX + "filesystem";

    /**
     * Options for mkfs, separated by white space: {@value}. Devices without a filesystem do without. See
     * {@link DblockDevice#mkfsOptions()}.
     */
    public static final String MKFS_OPTIONS = PREFIX + "mkfsOptions";

    /**
     * Mount options, separated by commas: {@value}. Devices without a filesystem do without. See
     * {@link DblockDevice#mountOptions()}.
     */
    public static final String MOUNT_OPTIONS = PREFIX + "mountOptions";

    /** {@code write_back} or {@code none}, in any case: {@value}. See {@link DblockDevice#cache()}. */
    public static final String CACHE = PREFIX + "cache";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#readOnly()}. */
    public static final String READ_ONLY = PREFIX + "readOnly";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#discard()}. */
    public static final String DISCARD = PREFIX + "discard";

    /** Number of hardware queues: {@value}. See {@link DblockDevice#queues()}. */
    public static final String QUEUES = PREFIX + "queues";

    /** Requests under way per queue: {@value}. See {@link DblockDevice#depth()}. */
    public static final String DEPTH = PREFIX + "depth";

    /**
     * Name of a device: {@value}. With {@code {n}} in it, else no two of the devices it names can exist at a time. See
     * {@link DblockDevice#name()}.
     */
    public static final String NAME = PREFIX + "name";

    /** Image file: {@value}. See {@link DblockDevice#image()}. */
    public static final String IMAGE = PREFIX + "image";

    /**
     * {@code read_only}, {@code copy_on_write} or {@code in_place}, in any case: {@value}. See
     * {@link DblockDevice#imageMode()}.
     */
    public static final String IMAGE_MODE = PREFIX + "imageMode";

    /** Fully qualified name of a handler class: {@value}. See {@link DblockDevice#handler()}. */
    public static final String HANDLER = PREFIX + "handler";

    /** {@code always}, {@code on_success} or {@code never}, in any case: {@value}. See {@link DblockDevice#cleanup()}. */
    public static final String CLEANUP = PREFIX + "cleanup";

    /**
     * How long a request may take, as {@code 30s}, {@code 500ms}, {@code 2m} or an ISO-8601 duration: {@value}. See
     * {@link DblockDevice#requestTimeout()}.
     */
    public static final String REQUEST_TIMEOUT = PREFIX + "requestTimeout";

    /** {@code true} or {@code false}: {@value}. See {@link DblockDevice#failOnHandlerException()}. */
    public static final String FAIL_ON_HANDLER_EXCEPTION = PREFIX + "failOnHandlerException";

    /** {@code automatic}, {@code server_process} or {@code test_jvm}, in any case: {@value}. See {@link DblockDevice#placement()}. */
    public static final String PLACEMENT = PREFIX + "placement";

    /** Limit of the volatile cache, as {@code 16MiB}: {@value}. See {@link DblockDevice#cacheLimit()}. */
    public static final String CACHE_LIMIT = PREFIX + "cacheLimit";

    /** How many entries a journal keeps: {@value}. See {@link DblockDevice#journalEntries()}. */
    public static final String JOURNAL_ENTRIES = PREFIX + "journalEntries";

    /** Size of a zone: {@value}. See {@link DblockDevice#zoneSize()}. */
    public static final String ZONE_SIZE = PREFIX + "zoneSize";

    /** Number of conventional zones: {@value}. See {@link DblockDevice#conventionalZones()}. */
    public static final String CONVENTIONAL_ZONES = PREFIX + "conventionalZones";

    /** Most open zones: {@value}. See {@link DblockDevice#maxOpenZones()}. */
    public static final String MAX_OPEN_ZONES = PREFIX + "maxOpenZones";

    /** Most active zones: {@value}. See {@link DblockDevice#maxActiveZones()}. */
    public static final String MAX_ACTIVE_ZONES = PREFIX + "maxActiveZones";

    /** Seed of all random choices, as a failed test reports it: {@value}. See {@link DblockDevice#seed()}. */
    public static final String SEED = PREFIX + "seed";

    /** {@code on_failure}, {@code always} or {@code never}, in any case: {@value}. See {@link DblockDevice#artifacts()}. */
    public static final String ARTIFACTS = PREFIX + "artifacts";

    /** Directory for {@link #ARTIFACTS}: {@value}. See {@link DblockDevice#artifactsDirectory()}. */
    public static final String ARTIFACTS_DIRECTORY = PREFIX + "artifactsDirectory";

    /** {@code fail} or {@code skip}, in any case: {@value}. See {@link DblockDevice#unavailable()}. */
    public static final String UNAVAILABLE = PREFIX + "unavailable";
}
