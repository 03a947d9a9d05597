// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.ModuleUnavailableException;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.ImageMode;
import io.dblock.handler.RequestHandler;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.io.CleanupMode;

/**
 * Requests a block device for the annotated field or parameter. The field belongs to a test class. The parameter
 * belongs to a test class constructor, a lifecycle method or a test method. The annotation registers its extension and
 * can be used as a meta-annotation.
 *
 * <pre>{@code
 * class LedgerTest {
 *     @DblockDevice(size = "64MiB", filesystem = EXT4)
 *     BlockDevice disk;
 *
 *     @Test
 *     void keepsItsEntries() throws Exception {
 *         Ledger.open(disk.mount().resolve("ledger")).append("paid").sync();
 *         assertThat(Ledger.open(disk.remount().resolve("ledger")).entries()).contains("paid");
 *     }
 * }
 * }</pre>
 *
 * <h2>What is injected</h2>
 *
 * <p>The declared type decides:
 *
 * <ul>
 *   <li>{@link BlockDevice}: the device. With a filesystem it is formatted. The first
 *       {@link BlockDevice#mount() mount()} mounts it;
 *   <li>{@link Path}: the mount point if there is a filesystem (formatted and mounted), else the device node;
 *   <li>{@link FileChannel}: a channel for direct I/O on the device node ({@link BlockDevice#openChannel()}), closed
 *       when the device ends.
 * </ul>
 *
 * <h2>Creation</h2>
 *
 * <p>Each declaration has its own devices, made before the test code that uses them runs. An error then fails the test,
 * or the class if the device lives as long as the class. An {@link ExtensionConfigurationException} (for fields) or
 * {@link ParameterResolutionException} (for parameters) names the declaration if its type is none of the above, the
 * field is final, a value is not allowed, or the device cannot be made, formatted or mounted.
 *
 * <p>If the kernel module is not available, the test fails with a {@link ModuleUnavailableException}. It is skipped
 * instead only if {@link #unavailable()} or {@value DblockParameters#UNAVAILABLE} says so.
 *
 * <h2>Scope</h2>
 *
 * <p>An instance field gets a new device for each test, each repetition and each invocation with other arguments. This
 * also holds with {@code @TestInstance(PER_CLASS)}, and for the fields of the enclosing instances of a {@code @Nested}
 * class. The device of a static field lives as long as the class, including its nested classes. Fields of superclasses
 * count, too.
 *
 * <p>The device of a parameter lives as long as the test if the parameter belongs to the test method,
 * {@code @BeforeEach}, {@code @AfterEach} or the constructor. It lives as long as the class if the parameter belongs to
 * {@code @BeforeAll}, {@code @AfterAll}, or the constructor with {@code @TestInstance(PER_CLASS)}.
 *
 * <p>Parallel tests are safe. But one field cannot hold the devices of two tests: concurrent tests of a
 * {@code PER_CLASS} class that share an instance field fail with an error that says so, and so do concurrent classes
 * that inherit a static field. Parameters have no such limit.
 *
 * <h2>Cleanup</h2>
 *
 * <p>At the end of the scope the channel is closed, the filesystem is unmounted and the device is destroyed, even after
 * a failed test or setup. A device still in use by an open file, a mount or a process is removed all the same. A
 * {@link LeakException} that names the holders then fails the test. JUnit shows it as the cause of "Failed to close
 * extension context"; if the test has failed before, it is added to that failure as suppressed. {@link #cleanup()} can
 * keep a device for inspection.
 *
 * <h2>Fault rules</h2>
 *
 * <p>{@link DblockFault @DblockFault} on the same declaration arms simple rules. However a rule was armed, the test
 * fails if the rule has acted on no request when the device's scope ends, because then the test has not shown what it
 * was to show. Lenient rules and aborted tests are exempt.
 *
 * <h2>Configuration</h2>
 *
 * <p>Each attribute has a configuration parameter, named {@code junit.dblock.} and the attribute's name, see
 * {@link DblockParameters}. The parameter applies if the attribute is not set. An attribute that is set wins, even if
 * its value is the one that would apply by default.
 *
 * <p>An attribute with its default value counts as not set: a constant named {@code DEFAULT}, an empty text or list, -1
 * for an {@code int}, {@link Long#MIN_VALUE} for the seed.
 *
 * @see DblockExtension
 * @see BlockDevice#builder()
 */
@Target({ElementType.ANNOTATION_TYPE, ElementType.FIELD, ElementType.PARAMETER})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@ExtendWith(DblockDeviceExtension.class)
public @interface DblockDevice {

    /**
     * The size in bytes or with a unit, {@code "64MiB"} or {@code "1TiB"}, a multiple of the logical block size. A
     * device takes only as much memory as is written to it. Default: the size of the {@link #image()} if there is one,
     * otherwise 64 MiB, or 1 GiB if the filesystem needs more.
     */
    String size() default "";

    /** The logical block size in bytes, a power of two from 512 to 4096. Default 512. */
    int logicalBlockSize() default -1;

    /**
     * The physical block size in bytes, a power of two from the logical block size to 65536. Default: the logical block
     * size.
     */
    int physicalBlockSize() default -1;

    /**
     * The filesystem that the device is formatted with before it is injected. With an {@link #image()} or
     * {@link #readOnly()} nothing is formatted, and this is the filesystem to mount. Default {@link Filesystem#NONE}.
     */
    Filesystem filesystem() default Filesystem.DEFAULT;

    /** Further arguments of mkfs, one per element: {@code {"-b", "1024"}}. */
    String[] mkfsOptions() default {};

    /** Further options of mount, one per element: {@code {"noatime", "data=journal"}}. */
    String[] mountOptions() default {};

    /** Which process serves the device. Default {@link Placement#AUTOMATIC}. */
    Placement placement() default Placement.DEFAULT;

    /** Whether the device has a volatile write cache. Default {@link CacheMode#WRITE_BACK}. */
    CacheMode cache() default CacheMode.DEFAULT;

    /** Whether the device is read-only. Default {@code false}. */
    TriState readOnly() default TriState.DEFAULT;

    /** Whether the device accepts discards. Default {@code true} if its handler or store supports them. */
    TriState discard() default TriState.DEFAULT;

    /** The number of hardware queues, 1 to 64; there are never more than CPUs. Default 1. */
    int queues() default -1;

    /** How many requests can be under way per queue, 1 to 4096. Default 64. */
    int depth() default -1;

    /**
     * The kernel's name for the device: {@code "dblockledger"} is {@code /dev/dblockledger}. The prefix {@code dblock}
     * is added if it is missing. At most 27 of {@code A-Z a-z 0-9 _ -}. {@code {n}} is replaced by a number that
     * differs for each device of this JVM, {@code {pid}} by the process id. Default: the kernel picks {@code dblock0},
     * {@code dblock1} and so on.
     */
    String name() default "";

    /**
     * The image file to make the device from, relative to the working directory. Default: none; the device is in memory
     * and empty.
     */
    String image() default "";

    /** How the device uses its image. Default {@link ImageMode#COPY_ON_WRITE}. */
    ImageMode imageMode() default ImageMode.DEFAULT;

    /**
     * A {@link BlockHandler} or {@link RequestHandler} class with a constructor without arguments. Each device gets its
     * own instance, which answers its requests. Cannot be combined with an image. Default: a built-in store.
     */
    Class<?> handler() default void.class;

    /**
     * When the device is cleaned up at the end of its scope: always, never, or only if the test was successful (for a
     * static field: all tests of the class). Default {@link CleanupMode#ALWAYS}.
     *
     * <p>A device that is not cleaned up stays, mounted if it was, as long as the test JVM serves it. At the end of the
     * test run it is torn down in order. A report entry and a line in the log say that the device was kept, where it
     * is, and how to end it earlier.
     */
    CleanupMode cleanup() default CleanupMode.DEFAULT;

    /**
     * How long a request may be held before the kernel fails it with ETIMEDOUT, as {@code "30s"}, {@code "500ms"},
     * {@code "2m"} or an ISO-8601 duration. Default 30 s. For what an application sees then, and when, see
     * {@link io.dblock.BlockDevice.Builder#requestTimeout}.
     */
    String requestTimeout() default "";

    /**
     * Whether the test fails if its handler threw anything but a {@link BlockIOException}. A handler throws that
     * exception to fail a request on purpose. Default {@code true}.
     */
    TriState failOnHandlerException() default TriState.DEFAULT;

    /**
     * How many bytes of unflushed writes the volatile cache holds, in bytes or with a unit, at least 4 KiB. It evicts
     * older writes, which are durable then. Default 256 MiB.
     */
    String cacheLimit() default "";

    /** How many entries the journal keeps, a power of two, 1024 to 2<sup>20</sup>. Default 65536. */
    int journalEntries() default -1;

    /**
     * The zone size of a zoned, host-managed device, in bytes or with a unit: a power of two, such as {@code "4MiB"}.
     * The size of the device is a multiple of it. For what such a device can do, see
     * {@link BlockDevice.Builder#zoneSize(long)}. Default: not zoned.
     */
    String zoneSize() default "";

    /** How many zones, from the first, are conventional. Default 0. */
    int conventionalZones() default -1;

    /** How many zones can be open at a time, at most 65536. Default 0: any number. */
    int maxOpenZones() default -1;

    /**
     * How many zones can be active at a time, at most 65536: open, or closed and neither empty nor full. Default 0: any
     * number.
     */
    int maxActiveZones() default -1;

    /**
     * The seed of all random choices of the device, its fault rules and its power cuts. Default: a new seed for each
     * device, which a failing test reports.
     */
    long seed() default Long.MIN_VALUE;

    /**
     * When files about the device are written: {@code journal.txt}, {@code picture.svg} and {@code device.txt}, which
     * has the seed and the fault rules with their hits. Default {@link Artifacts#ON_FAILURE}.
     *
     * <p>The files are in their own directory under {@link #artifactsDirectory()}, named after class, test and
     * declaration. The directory is cleared when the device is made. A report entry names it. So does a suppressed
     * exception of the failure, if JUnit can still show that.
     */
    Artifacts artifacts() default Artifacts.DEFAULT;

    /** The directory for {@link #artifacts()}, relative to the working directory. Default {@code target/dblock}. */
    String artifactsDirectory() default "";

    /**
     * Whether the test fails or is skipped if the kernel module is not available. Default {@link WhenUnavailable#FAIL}.
     */
    WhenUnavailable unavailable() default WhenUnavailable.DEFAULT;
}
