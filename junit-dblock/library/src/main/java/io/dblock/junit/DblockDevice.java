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
 * Asks for a block device. Goes on a field of a test class, or on a parameter of the constructor, a lifecycle method or a
 * test method. It registers its extension itself, and can be a meta-annotation.
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
 * <p>The declared type decides what is injected:
 *
 * <ul>
 *   <li>{@link BlockDevice}: the device. If it has a filesystem, it is formatted, and
 *       {@link BlockDevice#mount() mount()} mounts it;
 *   <li>{@link Path}: the mount point if there is a filesystem (formatted and mounted), otherwise the device node;
 *   <li>{@link FileChannel}: a channel for direct I/O on the device node ({@link BlockDevice#openChannel()}). It is
 *       closed together with the device.
 * </ul>
 *
 * <h2>Creation</h2>
 *
 * <p>Each declaration has its own devices. They are made before the test code that uses them runs. If that is not
 * possible, the test fails, or the class if the device lives as long as the class. An
 * {@link ExtensionConfigurationException} (for a field) or {@link ParameterResolutionException} (for a parameter) names
 * the declaration and the reason: another type than those above, a final field, a value that is not allowed, or a
 * device that cannot be made, formatted or mounted.
 *
 * <p>The devices of the static fields of a class, of the instance fields of a test, and of the parameters of a method are
 * made side by side, each group at once: handlers of such devices may be asked at the same time. The kernel's names follow
 * the order of the declarations. If several cannot be made, the error of the first has those of the others suppressed. The
 * others are torn down like all devices.
 *
 * <p>If the kernel module is not available, the test fails with a {@link ModuleUnavailableException}. It is skipped
 * instead only if {@link #unavailable()} or {@value DblockParameters#UNAVAILABLE} says so.
 *
 * <h2>Scope</h2>
 *
 * <p>An instance field has a new device for each test, each repetition and each invocation with other arguments, even
 * with {@code @TestInstance(PER_CLASS)}. So do the fields of the enclosing instances of a {@code @Nested} class. The
 * device of a static field lives as long as the class, including its nested classes. Fields of superclasses count, too.
 *
 * <p>The device of a parameter of the test method, of {@code @BeforeEach}, of {@code @AfterEach} or of the constructor
 * lives as long as its test. The device of a parameter of {@code @BeforeAll}, of {@code @AfterAll}, or of the constructor
 * with {@code @TestInstance(PER_CLASS)} lives as long as the class.
 *
 * <p>Tests can run in parallel. But one field cannot hold the devices of two tests: concurrent tests of a
 * {@code PER_CLASS} class with an instance field, and concurrent classes that inherit a static field, are refused with
 * an error that says so. Parameters have no such limit.
 *
 * <h2>Clean up</h2>
 *
 * <p>When the scope ends, the channel is closed, the filesystem is unmounted and the device is destroyed, even if the
 * test or its set-up has failed. A device that is still in use, by an open file, a mount or a process, is removed all
 * the same, and the test fails. The cause of this failure is a {@link LeakException} that names the holders. If the test
 * has failed before, this failure is suppressed in the test's own. {@link #cleanup()} can keep a device for inspection.
 *
 * <h2>Fault rules</h2>
 *
 * <p>{@link DblockFault @DblockFault} on the same declaration arms simple fault rules. A test fails if a rule, armed in
 * any way, has acted on no request when the device's scope ends: the test has not shown what it was meant to show.
 * Lenient rules and aborted tests are exempt.
 *
 * <h2>Configuration</h2>
 *
 * <p>Every attribute has a configuration parameter, named {@code junit.dblock.} and the attribute's name, which applies
 * if the attribute is not set: see {@link DblockParameters}. An attribute that is set always wins, even if it is set to
 * what would apply by default. An attribute counts as not set if it has its default value: a constant named
 * {@code DEFAULT}, an empty text or list, -1 for an {@code int}, {@link Long#MIN_VALUE} for the seed, {@code void} for the
 * handler.
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
     * Size in bytes or with a unit: {@code "64MiB"}, {@code "1TiB"}; a multiple of the logical block size. A device takes
     * only as much memory as was written to it. Left out: the size of the {@link #image()} if there is one; otherwise
     * 64 MiB, or 1 GiB if the filesystem needs more than 64 MiB.
     */
    String size() default "";

    /** Logical block size in bytes, a power of two from 512 to 4096. Left out: 512. */
    int logicalBlockSize() default -1;

    /** Physical block size in bytes, a power of two from the logical block size to 65536. Left out: the logical one. */
    int physicalBlockSize() default -1;

    /**
     * The filesystem that the device is formatted with before it is injected. A read-only device and a device with an
     * {@link #image()} are not formatted: they must already have this filesystem. Left out: {@link Filesystem#NONE}.
     */
    Filesystem filesystem() default Filesystem.DEFAULT;

    /** Further options of mkfs, one argument per element: {@code {"-b", "1024"}}. */
    String[] mkfsOptions() default {};

    /** Further options of mount, one per element: {@code {"noatime", "data=journal"}}. */
    String[] mountOptions() default {};

    /** Which process serves the device. Left out: {@link Placement#AUTOMATIC}. */
    Placement placement() default Placement.DEFAULT;

    /** Whether the device has a volatile write cache. Left out: {@link CacheMode#WRITE_BACK}. */
    CacheMode cache() default CacheMode.DEFAULT;

    /** Whether the device is read-only. Left out: {@code false}. */
    TriState readOnly() default TriState.DEFAULT;

    /** Whether the device can discard. Left out: {@code true}; with a handler, only if the handler supports it. */
    TriState discard() default TriState.DEFAULT;

    /** Number of hardware queues, 1 to 64; the kernel makes at most one per CPU. Left out: 1. */
    int queues() default -1;

    /** How many requests can be under way per queue, 1 to 4096. Left out: 64. */
    int depth() default -1;

    /**
     * The kernel's name for the device: {@code "dblockledger"} is {@code /dev/dblockledger}. The prefix {@code dblock} is
     * added if it is missing. At most 27 characters of {@code A-Z a-z 0-9 _ -}, with the prefix. {@code {n}} stands for a
     * number that differs for each device of this JVM, {@code {pid}} for the pid of the JVM. Left out: the kernel picks
     * {@code dblock0}, {@code dblock1} and so on.
     */
    String name() default "";

    /** An image file to make the device from, relative to the working directory. Left out: none, an empty device. */
    String image() default "";

    /** How the image is used. Left out: {@link ImageMode#COPY_ON_WRITE}. */
    ImageMode imageMode() default ImageMode.DEFAULT;

    /**
     * A {@link BlockHandler} or {@link RequestHandler} class with a constructor without arguments. A new instance answers
     * the requests of each device. Cannot be combined with an image or zones. Left out: a built-in store.
     */
    Class<?> handler() default void.class;

    /**
     * When the device is cleaned up at the end of its scope: always, never, or only if the test was successful (for a
     * static field: all tests of the class). Left out: {@link CleanupMode#ALWAYS}.
     *
     * <p>A device that is not cleaned up stays, and stays mounted if it was, until the end of the test run. It is then torn
     * down as usual. A report entry and a line in the log say where the device is, and how to end it earlier.
     */
    CleanupMode cleanup() default CleanupMode.DEFAULT;

    /**
     * How long a request may be held before the kernel fails it with ETIMEDOUT, 1 ms to 24 h, as {@code "30s"},
     * {@code "500ms"}, {@code "2m"} or an ISO-8601 duration. For what an application sees then, and when, see
     * {@link io.dblock.BlockDevice.Builder#requestTimeout}. Left out: 30 s.
     */
    String requestTimeout() default "";

    /**
     * Whether the test fails if its handler throws anything but a {@link BlockIOException}, with which a handler fails a
     * request on purpose. Predicates of fault rules count, too. Left out: {@code true}.
     */
    TriState failOnHandlerException() default TriState.DEFAULT;

    /**
     * How many bytes of unflushed writes the volatile cache holds, in bytes or with a unit, at least 4 KiB. Beyond that,
     * it evicts the oldest writes, that is, makes them durable. Left out: 256 MiB.
     */
    String cacheLimit() default "";

    /** How many entries the journal keeps: a power of two, 1024 to 2<sup>20</sup>. Left out: 65536. */
    int journalEntries() default -1;

    /**
     * Size of a zone of a zoned, host-managed device, in bytes or with a unit: a power of two, such as {@code "4MiB"}. The
     * size of the device must be a multiple of it. For what such a device can do, see
     * {@link BlockDevice.Builder#zoneSize(long)}. Left out: not zoned.
     */
    String zoneSize() default "";

    /** How many zones, from the first, are conventional. Left out: 0. */
    int conventionalZones() default -1;

    /** How many zones can be open at a time, at most 65536. Left out: 0, any number. */
    int maxOpenZones() default -1;

    /**
     * How many zones can be active at a time, at most 65536: open, or closed and neither empty nor full. Left out: 0, any
     * number.
     */
    int maxActiveZones() default -1;

    /**
     * The seed of all random choices of the device, for its fault rules and power cuts. Left out: a new one for each
     * device, which a failed test reports.
     */
    long seed() default Long.MIN_VALUE;

    /**
     * When files about the device are written: {@code journal.txt}, {@code picture.svg}, and {@code device.txt} with the
     * seed and the fault rules with their hits. Left out: {@link Artifacts#ON_FAILURE}.
     *
     * <p>The files are in their own directory under {@link #artifactsDirectory()}, named after class, test and
     * declaration. It is cleared when the device is made. A report entry names the directory. A failure of the test does
     * so, too, in a suppressed exception.
     */
    Artifacts artifacts() default Artifacts.DEFAULT;

    /** The directory for {@link #artifacts()}, relative to the working directory. Left out: {@code target/dblock}. */
    String artifactsDirectory() default "";

    /** Whether the test fails or is skipped if the kernel module is not available. Left out: {@link WhenUnavailable#FAIL}. */
    WhenUnavailable unavailable() default WhenUnavailable.DEFAULT;
}
