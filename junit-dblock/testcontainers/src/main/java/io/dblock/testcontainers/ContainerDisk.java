// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;
import io.dblock.LeakException;
import io.dblock.PowerDomain;
import io.dblock.internal.device.WaitingDevices;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.WaitStrategy;

/**
 * A device that containers keep their data on.
 *
 * <pre>{@code
 * @Testcontainers
 * class OrdersTest {
 *     @DblockDevice(size = "512MiB", filesystem = EXT4)
 *     static BlockDevice disk;
 *
 *     static final ContainerDisk data = ContainerDisk.of(() -> disk);
 *
 *     @Container
 *     static final PostgreSQLContainer<?> postgres = data.mountIn(new PostgreSQLContainer<>("postgres:17"));
 *
 *     @Test
 *     void whatWasCommittedSurvivesAPowerCut() throws Exception {
 *         data.requireFlush(() -> insert("paid"));
 *         data.powerCut();
 *         assertThat(orders()).contains("paid");
 *     }
 * }
 * }</pre>
 *
 * <h2>When the device is made and mounted</h2>
 *
 * <p>Before the container is made, each time it is started. Fields of the test may be in any order: a device of a field with
 * {@code @DblockDevice} that the extension has not made yet is made then, and torn down after the container has stopped.
 * The filesystem stays mounted for this JVM until the device is closed or the test unmounts it, so that a test can look at
 * what a stopped container has left: {@link BlockDevice#mount()}.
 *
 * <p>While a container runs, {@link BlockDevice#unmount()}, {@link BlockDevice#remount()} and
 * {@link BlockDevice#restorePower()} throw a {@link LeakException} that names it: they would not change what the container
 * sees. A container that still runs when its device is closed is stopped, and the failure names it.
 *
 * <h2>What the container gets</h2>
 *
 * <p>A directory of the filesystem, not its root: several containers can share a device, and databases refuse a directory
 * that has {@code lost+found} in it. If it is new, it has the owner and the permissions that the image's directory has, as
 * a new volume of Docker would. SELinux' label is that of containers.
 *
 * <p>What is written until Testcontainers finds the container ready is its set-up, and is flushed then: images write some of
 * it without. From then on, only what the container has flushed survives a power cut.
 *
 * <p>Each port that Testcontainers publishes is on one port of the host for good, so that URLs stay valid when the container
 * starts again.
 *
 * <h2>Engines</h2>
 *
 * <p>Docker, or Podman by its Docker socket, on this machine and as root. The container must see the device and the mounts of
 * this JVM: an engine on another machine, or with a mount namespace of its own, is found out when the container starts.
 *
 * <p>Objects of this class do not change. Safe for use by several threads.
 *
 * @see ContainerPower
 */
public final class ContainerDisk {
    private final Supplier<BlockDevice> supplier;
    private final Settings settings;

    /** What can be set. */
    private record Settings(
            String directory,
            Optional<ContainerEngine.Owner> owner,
            Durability durability,
            Optional<Database> database,
            Optional<WaitStrategy> readyAfterCut) {}

    private ContainerDisk(Supplier<BlockDevice> supplier, Settings settings) {
        this.supplier = supplier;
        this.settings = settings;
    }

    /**
     * Returns the disk of a device that is there.
     *
     * @throws NullPointerException if {@code device} is null, as a field is before its device is injected
     */
    @CheckReturnValue
    public static ContainerDisk of(BlockDevice device) {
        Objects.requireNonNull(
                device,
                "device is null. A field is initialized before its device is injected: use ContainerDisk.of(() -> disk).");
        return of(() -> device);
    }

    /**
     * Returns the disk of a device that is asked for when a container on it starts.
     *
     * @param device usually reads a field: {@code () -> disk}
     */
    @CheckReturnValue
    public static ContainerDisk of(Supplier<BlockDevice> device) {
        return new ContainerDisk(
                device,
                new Settings("data", Optional.empty(), Durability.TURNED_ON, Optional.empty(), Optional.empty()));
    }

    // ---- settings ----

    /**
     * Returns this disk with another directory for containers. Default {@code data}.
     *
     * @param name relative to the root of the filesystem
     * @throws IllegalArgumentException if it is empty, absolute or leads out of the filesystem
     */
    @CheckReturnValue
    public ContainerDisk directory(String name) {
        Path path = Path.of(name).normalize();
        if (name.isEmpty()
                || path.isAbsolute()
                || path.startsWith("..")
                || path.toString().isEmpty()) {
            throw new IllegalArgumentException(
                    "directory is \"" + name + "\". Allowed: a path relative to the root of the filesystem, below it.");
        }
        return with(new Settings(
                path.toString(),
                settings.owner(),
                settings.durability(),
                settings.database(),
                settings.readyAfterCut()));
    }

    /**
     * Returns this disk with an owner for the directory, if it is made. Default: as in the image; if the image has no such
     * directory, the user that its containers run as.
     *
     * @throws IllegalArgumentException if a number is negative
     */
    @CheckReturnValue
    public ContainerDisk owner(int uid, int gid) {
        if (uid < 0 || gid < 0) {
            throw new IllegalArgumentException("owner is " + uid + ":" + gid + ". Allowed: numbers from 0.");
        }
        return with(new Settings(
                settings.directory(),
                Optional.of(new ContainerEngine.Owner(uid, gid, 0750)),
                settings.durability(),
                settings.database(),
                settings.readyAfterCut()));
    }

    /** Returns this disk with what is to be done about unsafe settings. Default {@link Durability#TURNED_ON}. */
    @CheckReturnValue
    public ContainerDisk durability(Durability durability) {
        return with(new Settings(
                settings.directory(), settings.owner(), durability, settings.database(), settings.readyAfterCut()));
    }

    /** Returns this disk for containers with this database. Default: known by the container's class or image. */
    @CheckReturnValue
    public ContainerDisk database(Database database) {
        return with(new Settings(
                settings.directory(),
                settings.owner(),
                settings.durability(),
                Optional.of(database),
                settings.readyAfterCut()));
    }

    /**
     * Returns this disk with how to wait for a container that was started again after a power cut. Default: for the line in
     * its log with which a known database says that it is ready; for others until the exposed ports listen. Do not use a
     * strategy that waits for a line in the log: it finds that of the first start.
     */
    @CheckReturnValue
    public ContainerDisk readyAfterCut(WaitStrategy strategy) {
        return with(new Settings(
                settings.directory(),
                settings.owner(),
                settings.durability(),
                settings.database(),
                Optional.of(strategy)));
    }

    private ContainerDisk with(Settings changed) {
        return new ContainerDisk(supplier, changed);
    }

    String directory() {
        return settings.directory();
    }

    Optional<ContainerEngine.Owner> owner() {
        return settings.owner();
    }

    Durability durability() {
        return settings.durability();
    }

    Optional<Database> database() {
        return settings.database();
    }

    Optional<WaitStrategy> readyAfterCut() {
        return settings.readyAfterCut();
    }

    // ---- containers ----

    /**
     * Keeps the data of a known {@link Database} on this disk: at its usual place. See {@link #mountIn(GenericContainer,
     * String)}.
     *
     * @return the container
     */
    public <C extends GenericContainer<?>> C mountIn(C container) {
        return attach(container, DiskUse.Kind.DIRECTORY, Optional.empty());
    }

    /**
     * Gives a container a directory of this disk's filesystem. If it is the first that the container gets, and its
     * {@link Database} is known, that is told to keep its data there.
     *
     * @param path where in the container, such as {@code /var/lib/postgresql/data}
     * @return the container
     * @throws IllegalArgumentException if the path is not absolute
     * @throws IllegalStateException if the container has been started
     */
    public <C extends GenericContainer<?>> C mountIn(C container, String path) {
        return attach(container, DiskUse.Kind.DIRECTORY, Optional.of(path));
    }

    /**
     * Gives a container the block device itself, as {@code --device} does. It needs no privileges for that, but for what it
     * does with the device: {@code withPrivilegedMode(true)} if it is to mount it, say.
     *
     * @param path the node in the container, such as {@code /dev/ledger}
     * @return the container
     * @throws IllegalArgumentException if the path is not absolute
     * @throws IllegalStateException if the container has been started
     */
    public <C extends GenericContainer<?>> C deviceIn(C container, String path) {
        return attach(container, DiskUse.Kind.DEVICE, Optional.of(path));
    }

    private <C extends GenericContainer<?>> C attach(C container, DiskUse.Kind kind, Optional<String> path) {
        if (path.isPresent() && !path.get().startsWith("/")) {
            throw new IllegalArgumentException(
                    "path is \"" + path.get() + "\". Allowed: an absolute path in the container.");
        }
        if (container.getContainerId() != null) {
            throw new IllegalStateException("The container " + AttachedContainer.image(container)
                    + " has been started, so it cannot get a disk any more. Use mountIn() and deviceIn() before.");
        }
        AttachedContainer.of(container).add(new DiskUse(this, kind, path));
        return container;
    }

    /**
     * Returns the device.
     *
     * @throws IllegalStateException if it is not there and cannot be made now
     */
    public BlockDevice device() {
        Optional<BlockDevice> device = Optional.ofNullable(supplier.get());
        if (device.isPresent()) {
            return device.get();
        }
        // A field whose extension has not had its turn.
        List<RuntimeException> failures = WaitingDevices.make();
        BlockDevice made = supplier.get();
        if (made != null) {
            return made;
        }
        IllegalStateException missing = new IllegalStateException(
                "The device of a container's disk is not there: the supplier given to ContainerDisk.of() returned null."
                        + (failures.isEmpty()
                                ? " If it reads a field with @DblockDevice: a static field has its device from"
                                        + " @BeforeAll on, an instance field from @BeforeEach on, and a container that"
                                        + " starts before cannot have it."
                                : " It could not be made: " + failures.get(0).getMessage()),
                failures.isEmpty() ? null : failures.get(0));
        failures.stream().skip(1).forEach(missing::addSuppressed);
        throw missing;
    }

    // ---- flushes ----

    /** A piece of code that commits something. */
    @FunctionalInterface
    public interface Commit {
        /** Returns once what it wrote is acknowledged. */
        void run() throws Exception;
    }

    /**
     * Runs a commit, and requires that something is flushed to the disk meanwhile. Without that, a power cut may lose what
     * was acknowledged, and a test that finds it afterwards has been lucky.
     *
     * <p>Filesystems flush now and then by themselves, ext4 every five seconds. So the commit should be short.
     *
     * @throws AssertionError if nothing was flushed
     * @throws Exception what the commit throws
     */
    public void requireFlush(Commit commit) throws Exception {
        Flushes.require(device(), commit);
    }

    // ---- power ----

    private PowerCycle cycle() {
        BlockDevice device = device();
        return device.powerDomain()
                .map(ContainerPower::cycle)
                .orElseGet(() -> new PowerCycle(new PowerCycle.Supply() {
                    @Override
                    public List<BlockDevice> devices() {
                        return List.of(device);
                    }

                    @Override
                    public Map<BlockDevice, CutReport> cut(Survivors survivors) {
                        return Map.of(device, device.powerCut(survivors));
                    }

                    @Override
                    public void restore() {
                        device.restorePower();
                    }
                }));
    }

    /** Cuts the power and starts all again, see {@link #powerCut(Survivors)}. Only what was flushed survives. */
    public CutReport powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power of the disk and of all containers on it, and starts the containers again on what has survived. Calls
     * {@link #powerOff(Survivors)} and {@link #powerOn()}.
     */
    public CutReport powerCut(Survivors survivors) {
        CutReport report = powerOff(survivors);
        powerOn();
        return report;
    }

    /** Cuts the power, see {@link #powerOff(Survivors)}. Only what was flushed survives. */
    public CutReport powerOff() {
        return powerOff(Survivors.NONE);
    }

    /**
     * Cuts the power of the disk and of all containers on it. For the disk this is one instant:
     *
     * <ol>
     *   <li>The containers are frozen. A machine without power does nothing, so they neither see errors of the disk nor
     *       acknowledge anything after the cut. Until the cut the kernel may write for them, as for any process that
     *       happens not to run. Where the engine cannot freeze a container, it goes on until it is killed.
     *   <li>The power is cut.
     *   <li>The containers are killed. What the kernel still writes for them, and what it has not written yet, meets a disk
     *       without power.
     * </ol>
     *
     * <p>Disks in one {@link PowerDomain} lose their power together, and so do all containers on them, as by
     * {@link ContainerPower}.
     *
     * @return what the disk kept, lost and tore
     * @throws AssertionError if a container has flushed nothing since it was ready, see {@link Durability}. The power stays on
     * @throws IllegalStateException if the power is already off, no container is on the disk, or one has a further disk
     */
    public CutReport powerOff(Survivors survivors) {
        return cycle().off(survivors).get(device());
    }

    /**
     * Restores the power and starts the containers again, in the order of their first start, each with the files that it has
     * outside of the disk. Returns once all are ready. A container that still runs is killed before: a power cut by a fault
     * rule ends none.
     *
     * @throws IllegalStateException if the power is on
     * @throws LeakException if a process outside of the containers still uses the disk, such as this JVM; the power stays
     *     off, and the call can be repeated
     * @throws org.testcontainers.containers.ContainerLaunchException if a container does not come back; the message has the
     *     end of its log
     */
    public void powerOn() {
        cycle().on();
    }
}
