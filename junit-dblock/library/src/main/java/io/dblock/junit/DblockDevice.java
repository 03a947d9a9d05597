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
 * {@code @DblockDevice} on a field of a test class, or on a parameter of a test class constructor, a lifecycle method or
 * a test method, asks for a block device made for it. It registers its extension itself, and can be a meta-annotation.
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
 * <p>The declared type says it:
 *
 * <ul>
 *   <li>{@link BlockDevice}: the device. With a filesystem it is formatted, and mounted at the first
 *       {@link BlockDevice#mount() mount()};
 *   <li>{@link Path}: the mount point if there is a filesystem (formatted and mounted), else the device node;
 *   <li>{@link FileChannel}: a channel for direct I/O on the device node ({@link BlockDevice#openChannel()}), closed when
 *       the device ends.
 * </ul>
 *
 * <h2>Creation</h2>
 *
 * <p>Each declaration has devices of its own, made before the test code that sees them runs. What goes wrong then fails
 * the test, or the class for what lives as long as the class. An {@link ExtensionConfigurationException} (for fields) or
 * {@link ParameterResolutionException} (for parameters) names the declaration if its type is none of the above, if the
 * field is final, if a value is not allowed, or if the device cannot be made, formatted or mounted.
 *
 * <p>Where the kernel module is not available, that is a failure, too, a {@link ModuleUnavailableException}; tests are
 * skipped instead only if {@link #unavailable()} or {@value DblockParameters#UNAVAILABLE} says so.
 *
 * <h2>Scope</h2>
 *
 * <p>A device for an instance field is made afresh for each test, each repetition and each invocation with other
 * arguments; so it is with {@code @TestInstance(PER_CLASS)}, and for the fields of the enclosing instances of a
 * {@code @Nested} class. A device for a static field lives as long as the class, the nested ones in it included.
 * Superclasses' fields count. A device for a parameter lives as long as its test if the parameter is one of the test
 * method, of {@code @BeforeEach}, of {@code @AfterEach} or of the constructor, and as long as the class if it is one of
 * {@code @BeforeAll}, of {@code @AfterAll}, or of the constructor with {@code @TestInstance(PER_CLASS)}.
 *
 * <p>Parallel tests are safe. One field cannot hold the devices of two tests, though: concurrent tests of a
 * {@code PER_CLASS} class which share an instance field, or concurrent classes which inherit a static one, are refused
 * with an error that says so. Parameters have no such limit.
 *
 * <h2>Clean up</h2>
 *
 * <p>When its scope ends, the channel is closed, the filesystem unmounted and the device destroyed, after failing tests and
 * failing set-ups, too. If it was still in use, by an open file, a mount or a process, it is removed all the same, and
 * a {@link LeakException} that names the holders fails the test (JUnit shows it as the cause of "Failed to close extension
 * context"; if the test has failed before, it is added to that failure as suppressed). {@link #cleanup()} can keep a device for a look at it.
 *
 * <h2>DblockFault rules</h2>
 *
 * <p>{@link DblockFault @DblockFault} beside it arms simple ones. Whoever armed them: a rule that has acted on no request when the device's
 * scope ends, and is not lenient, fails the test, since what it was to show was not shown; but not one that was aborted.
 *
 * <h2>Configuration</h2>
 *
 * <p>Every attribute has a configuration parameter, named {@code junit.dblock.} and the attribute's name, which holds where
 * the attribute is left out: see {@link DblockParameters}. What an attribute says wins, also if it says what would hold by default.
 * An attribute is left out, too, if it has its default: a constant named {@code DEFAULT}, an empty text or list, -1 for an
 * {@code int}, {@link Long#MIN_VALUE} for the seed.
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
     * Size in bytes or with a unit: {@code "64MiB"}, {@code "1TiB"}; a multiple of the logical block size. The memory that
     * backs a device costs what is written to it. Left out: the size of the {@link #image()} if there is one, else 64 MiB,
     * or if the filesystem needs more, 1 GiB.
     */
    String size() default "";

    /** Logical block size in bytes, a power of two from 512 to 4096. Left out: 512. */
    int logicalBlockSize() default -1;

    /** Physical block size in bytes, a power of two from the logical block size to 65536. Left out: the logical one. */
    int physicalBlockSize() default -1;

    /**
     * What the device is formatted with before it is injected. Left out: {@link Filesystem#NONE}. With
     * an {@link #image()} or {@link #readOnly()} nothing is formatted: then this says what is to be found and mounted.
     */
    Filesystem filesystem() default Filesystem.DEFAULT;

    /** Further arguments of mkfs, one each: {@code {"-b", "1024"}}. */
    String[] mkfsOptions() default {};

    /** Further options of mount, one each: {@code {"noatime", "data=journal"}}. */
    String[] mountOptions() default {};

    /** Which process serves the device. Left out: {@link Placement#AUTOMATIC}. */
    Placement placement() default Placement.DEFAULT;

    /** Whether the device has a volatile write cache. Left out: {@link CacheMode#WRITE_BACK}. */
    CacheMode cache() default CacheMode.DEFAULT;

    /** Whether the device is read-only. Left out: {@code false}. */
    TriState readOnly() default TriState.DEFAULT;

    /** Whether the device takes discards. Left out: {@code true} if what answers for it does. */
    TriState discard() default TriState.DEFAULT;

    /** Number of hardware queues, 1 to 64; there are never more than CPUs. Left out: 1. */
    int queues() default -1;

    /** Requests under way per queue, 1 to 4096. Left out: 64. */
    int depth() default -1;

    /**
     * Kernel name: {@code "dblockledger"} is {@code /dev/dblockledger}; the prefix {@code dblock} is added where it is
     * missing. At most 27 of {@code A-Z a-z 0-9 _ -}. {@code {n}} stands for a number that differs for each device of this
     * JVM, {@code {pid}} for the process id. Left out: the kernel picks {@code dblock0}, {@code dblock1} and so on.
     */
    String name() default "";

    /** Image file to make the device of, relative to the working directory. Left out: none, an empty device in memory. */
    String image() default "";

    /** What becomes of the image. Left out: {@link ImageMode#COPY_ON_WRITE}. */
    ImageMode imageMode() default ImageMode.DEFAULT;

    /**
     * A {@link BlockHandler} or {@link RequestHandler} with a constructor without arguments; an instance of it, made for
     * each device, answers its requests. Not together with an image. Left out: a built-in store.
     */
    Class<?> handler() default void.class;

    /**
     * Whether the device is cleaned up at the end of its scope: always, if the test (for a static field: all tests of the class)
     * was successful, or never. Left out: {@link CleanupMode#ALWAYS}.
     *
     * <p>A device that is not cleaned up stays, mounted if it was, as long as the JVM that runs the tests serves it: to the
     * end of the test run, when it is torn down in order. A report entry and a line in the log say that it was kept,
     * where it is, and how to end it earlier.
     */
    CleanupMode cleanup() default CleanupMode.DEFAULT;

    /**
     * How long what answers for the device may hold a request before the kernel fails it with ETIMEDOUT, as {@code "30s"},
     * {@code "500ms"}, {@code "2m"} or an ISO-8601 duration. Left out: 30 s. What an application sees then, and when, is at
     * {@link io.dblock.BlockDevice.Builder#requestTimeout}.
     */
    String requestTimeout() default "";

    /**
     * Whether the test fails if its handler threw anything but a {@link BlockIOException}, which is how
     * a handler fails a request on purpose. Left out: {@code true}.
     */
    TriState failOnHandlerException() default TriState.DEFAULT;

    /**
     * How much of unflushed writes the volatile cache keeps apart, in bytes or with a unit, at least 4 KiB; older ones are
     * evicted, that is, made durable. Left out: 256 MiB.
     */
    String cacheLimit() default "";

    /** How many entries the journal keeps: a power of two, 1024 to 2<sup>20</sup>. Left out: 65536. */
    int journalEntries() default -1;

    /**
     * Size of a zone of a zoned, host-managed device, in bytes or with a unit: a power of two, {@code "4MiB"}; the device's
     * size is a multiple of it. See {@link BlockDevice.Builder#zoneSize(long)} for what such a device can do. Left out: it is
     * not zoned.
     */
    String zoneSize() default "";

    /** How many of the first zones are conventional. Left out: 0. */
    int conventionalZones() default -1;

    /** How many zones can be open at a time, at most 65536. Left out: 0, any number. */
    int maxOpenZones() default -1;

    /**
     * How many zones can be active at a time, that is, open, or closed and neither empty nor full; at most 65536. Left out:
     * 0, any number.
     */
    int maxActiveZones() default -1;

    /**
     * What all random choices of the device come from, those of fault rules and of power cuts. Left out: a new one for each
     * device, which a failing test reports.
     */
    long seed() default Long.MIN_VALUE;

    /**
     * When what was seen of the device is written to files: {@code journal.txt}, {@code picture.svg} and {@code device.txt}, which
     * has the seed and the fault rules with their hits. Left out: {@link Artifacts#ON_FAILURE}.
     *
     * <p>They are in a directory of their own under {@link #artifactsDirectory()}, named after class, test and declaration; it
     * is cleared when the device is made. A report entry has its name, and so has, where JUnit can still show it, the failure, as
     * a suppressed exception.
     */
    Artifacts artifacts() default Artifacts.DEFAULT;

    /** Where {@link #artifacts()} go, relative to the working directory. Left out: {@code target/dblock}. */
    String artifactsDirectory() default "";

    /** Whether the test fails or is skipped where the kernel module is not available. Left out: {@link WhenUnavailable#FAIL}. */
    WhenUnavailable unavailable() default WhenUnavailable.DEFAULT;
}
