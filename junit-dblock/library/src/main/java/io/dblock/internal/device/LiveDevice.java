// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static io.dblock.internal.kernel.DeviceParameters.Flag.AUTO_START;
import static io.dblock.internal.kernel.DeviceParameters.Flag.READ_ONLY;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.CacheMode;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.DeviceStatistics;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.PowerDomain;
import io.dblock.Snapshot;
import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.fault.Faults;
import io.dblock.fault.Unproven;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.files.DeviceFiles;
import io.dblock.internal.files.FileMap;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DirectChannel;
import io.dblock.internal.kernel.OldestRequest;
import io.dblock.internal.kernel.OpenImage;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.Reads;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.store.Choices;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/** The device that a test holds: its node, its mounts and its server. */
final class LiveDevice implements BlockDevice, InterruptedWait.Disk {
    private static final int MAX_INCIDENTS = 100;
    private static final int MAX_FAILURES = 100;
    /** How long {@link #close()} waits for a call that is under way before it removes the disk by force. */
    private static final Duration END_OF_CALL = Duration.ofSeconds(5);

    /**
     * How long the server may take to answer a question that this device can go on without. A busy server on an emulated
     * machine has been seen to take more than five seconds.
     */
    private static final Duration ANSWER = Duration.ofSeconds(20);

    private final RunDirectory runs;
    private final Host host;
    private final Teardown.Limits limits;
    private final ServedDevice served;
    private final Removal removal;
    /** The lock for changes of {@link #spec}. */
    private final Object changing = new Object();

    private volatile DeviceSpec spec;
    /** The image file with the data, see {@link OpenImage#file()}. A fork has the image of its original. */
    private final Optional<Object> image;

    private final Path path;
    private final DeviceMounts mounts;
    /** What uses the device beyond this machine's mounts and files. */
    private final Tenants tenants = new Tenants();

    private final DeviceFiles files;
    private final Faults faults;
    private final Recorder recorder;
    private final Journal journal;
    /** The lock for changes of mounts. Calls that must work while a holder waits for the disk do not take it. */
    private final DeviceLock lock = new DeviceLock();

    private final Object closing = new Object();
    private final List<String> incidents = new CopyOnWriteArrayList<>();
    private volatile boolean closed;
    private final Offspring offspring;
    /** What the device has shown. Set by {@link #close()} before the unmount, which makes requests of its own. */
    private volatile Offspring.Shown shown;
    /** Held for reading during calls that need the kernel's device, and for writing to end such calls for good. */
    private final ReadWriteLock kernel = new ReentrantReadWriteLock();
    /** Whether calls to the kernel's device are over. Guarded by {@link #kernel}. */
    private boolean gone;

    private volatile Optional<PowerDomain> powerDomain = Optional.empty();
    private volatile Watchdog.Watch watch = () -> {};
    /** Whether the filesystem is to be mounted when the power is back. Guarded by {@link #lock}. */
    private boolean mountedBefore;

    LiveDevice(ServedDevice served, DeviceSpec spec, Optional<Object> image, Offspring offspring) {
        this(
                served,
                spec,
                image,
                offspring,
                RunDirectory.ofThisMachine(),
                Host.ofThisMachine(),
                Teardown.Limits.ofThisJvm(),
                ANSWER);
    }

    LiveDevice(
            ServedDevice served,
            DeviceSpec spec,
            Optional<Object> image,
            Offspring offspring,
            RunDirectory runs,
            Host host,
            Teardown.Limits limits,
            Duration answer) {
        this.served = served;
        this.spec = spec;
        this.image = image;
        this.offspring = offspring;
        this.runs = runs;
        this.host = host;
        this.limits = limits;
        removal = new Removal(served, host, answer);
        path = DeviceNode.of(spec.name());
        mounts = new DeviceMounts(served, this::spec, spec.name(), runs, host);
        files = new DeviceFiles(spec.name(), served.recorder(), new Filesystems());
        faults = files.faults(served.faults());
        recorder = spec.filesystem() == Filesystem.NONE ? served.recorder() : files.recorder();
        journal = new Journal(
                recorder, this::size, spec.logicalBlockSize(), files::made, spec.cache() == CacheMode.WRITE_BACK);
    }

    /** Starts the disk, unless it has started, and waits for its node. */
    void appear() {
        runs.note(name());
        boolean started = served.created().parameters().flags().contains(AUTO_START);
        watch = Watches.during(started ? () -> {} : served::start, served, this::note);
        DeviceNode.await(served.info());
    }

    private void note(String incident) {
        if (incidents.size() < MAX_INCIDENTS) {
            incidents.add(incident);
        }
    }

    @Override
    public DeviceSpec spec() {
        return spec;
    }

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        return spec.size();
    }

    @Override
    public int logicalBlockSize() {
        return spec.logicalBlockSize();
    }

    @Override
    public int physicalBlockSize() {
        return spec.physicalBlockSize();
    }

    @Override
    public void format() {
        lock.run(this::formatAlone);
    }

    private void formatAlone() {
        checkOpen();
        checkFilesystem("format()");
        if (mounts.point().isPresent()) {
            throw new IllegalStateException(
                    name() + " is mounted at " + mounts.point().get() + ": call unmount() before format().");
        }
        if (spec.readOnly()) {
            throw new IllegalStateException(name() + " is read-only: format the image before, or make it writable.");
        }
        checkPowered("format()");
        FilesystemTools.checkSize(spec);
        files.format(mounts::format);
    }

    @Override
    public Path mount() {
        return lock.with(() -> {
            checkOpen();
            checkFilesystem("mount()");
            checkPowered("mount()");
            return mounts.point().orElseGet(this::mountNow);
        });
    }

    private Path mountNow() {
        try {
            Path point = mounts.mount();
            files.mounted();
            return point;
        } catch (DblockException e) {
            throw cutMeanwhile()
                    .map(cut -> new DblockException(cut + "\n" + e.getMessage(), e))
                    .orElse(e);
        }
    }

    /** Returns a sentence about the power cut during a mount, with the rule that cut; empty if there was no cut. */
    private Optional<String> cutMeanwhile() {
        try {
            return removal.ask(
                    "asking for the power of " + name(),
                    () -> served.powered() ? Optional.<String>empty() : Optional.of(describeCut()));
        } catch (DblockException e) {
            return Optional.empty();
        }
    }

    private String describeCut() {
        String by = ruleThatCut()
                .map(rule -> "the fault rule " + rule + ". Remove the rule before, or have it cut once: times(1).")
                .orElse("a call, or a rule of another device in its power domain.");
        return "The power of " + name() + " was cut while it was mounted, by " + by;
    }

    /** Returns the power-cut rule that acted last; empty if none did. */
    private Optional<String> ruleThatCut() {
        Map<String, String> rules = new HashMap<>();
        for (Fault fault : faults.history()) {
            if (fault.rule().action() instanceof Action.PowerCut) {
                rules.put(fault.name(), fault.rule().toString());
            }
        }
        List<String> acted = served.journal().requests().stream()
                .flatMap(request -> request.rules().stream())
                .filter(rules::containsKey)
                .toList();
        return acted.isEmpty() ? Optional.empty() : Optional.of(rules.get(acted.get(acted.size() - 1)));
    }

    /** Refuses the call if the power is off. Restoring it here would hide the cut from a test that ignores it. */
    private void checkPowered(String call) {
        if (!served.powered()) {
            throw new IllegalStateException(
                    "The power of " + name() + " is off: call restorePower() before " + call + ".");
        }
    }

    private void checkFilesystem(String call) {
        if (spec.filesystem() == Filesystem.NONE) {
            throw new IllegalStateException(name() + " has no filesystem, so " + call
                    + " has nothing to do. Choose one: builder().filesystem(Filesystem.EXT4), or"
                    + " @DblockDevice(filesystem = EXT4).");
        }
    }

    boolean isOpen() {
        return !closed;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(name() + " is closed. Make another with BlockDevice.builder().");
        }
    }

    @Override
    public Optional<Path> mountPoint() {
        return mounts.point();
    }

    @Override
    public void unmount() {
        lock.run(() -> {
            files.look();
            unmountFor("unmount()");
            mountedBefore = false;
        });
    }

    private void unmountFor(String call) {
        checkOpen();
        if (mounts.point().isPresent()) {
            checkNoTenants(
                    name() + " is not unmounted: what it holds would stay mounted for", "Stop it before " + call);
        }
        List<String> holders = mounts.tryUnmount(false, Bounded::call);
        if (mounts.point().isPresent()) {
            throw Leaks.exception(
                    name() + " cannot be unmounted from " + mounts.point().get() + ", it is still in use:",
                    holders,
                    "Close these before " + call + ".");
        }
    }

    /** Unmounts without a look at the files; returns what keeps the device mounted. Closes files that nobody refers to. */
    List<String> unmountUnseen() {
        return lock.with(() -> {
            mountedBefore = false;
            return mounts.tryUnmount(true, Bounded::call);
        });
    }

    /** Mounts a device whose power is known to be on. */
    Path mountUnasked() {
        return lock.with(() -> {
            checkOpen();
            checkFilesystem("mount()");
            return mounts.point().orElseGet(mounts::mount);
        });
    }

    /** Makes the content what a recording had at some moment. The device is not mounted. */
    void show(ServedRecording recording, byte[] changes) {
        lock.run(() -> {
            checkOpen();
            host.dropBuffers(path); // The kernel may have the last state in its cache.
            served.show(recording, changes);
            host.dropBuffers(path); // Others, such as udev, may have read from it meanwhile.
        });
    }

    /** Refuses a call that has no effect on what tenants see of the device. */
    private void checkNoTenants(String before, String after) {
        List<String> using = tenants.using();
        if (!using.isEmpty()) {
            throw Leaks.exception(before + ":", using, after + ".");
        }
    }

    Tenants tenants() {
        return tenants;
    }

    @Override
    public Path remount() {
        return lock.with(() -> {
            checkOpen();
            checkFilesystem("remount()");
            checkPowered("remount()");
            files.look();
            unmountFor("remount()");
            noteLostWrites("remount()", host.flushBuffers(path));
            return mountNow();
        });
    }

    @Override
    public FileChannel openChannel() {
        checkOpen();
        return DirectChannel.open(path, logicalBlockSize(), !spec.readOnly());
    }

    @Override
    public void dropCaches() {
        lock.run(this::dropCachesAlone);
    }

    private void dropCachesAlone() {
        checkOpen();
        int files = mounts.point().map(host::syncFilesystem).orElse(0);
        int node = host.flushBuffers(path);
        if (mounts.point().isPresent()) {
            host.dropFiles();
        }
        noteLostWrites("dropCaches()", files != 0 ? files : node);
    }

    /**
     * Records that cached data could not be written. Dropping such data is what the caller asked for. But the kernel
     * reports the error only once, so it must not get lost with the data.
     */
    private void noteLostWrites(String call, int result) {
        if (result == 0) {
            return;
        }
        String what = call + " found that writing cached data to " + name() + " had failed: " + Errno.describe(-result)
                + ". These data are lost; no later fsync or close reports it";
        note(what);
        if (closed) {
            // close() has ended this call.
            throw new DblockException(what + ". The device has been closed meanwhile.");
        }
    }

    @Override
    public void syncNames() {
        inFilesystem("syncNames()", host::syncNames);
    }

    @Override
    public void fill(long leaveBytes) {
        if (leaveBytes < 0) {
            throw new IllegalArgumentException("leaveBytes is " + leaveBytes
                    + ". Allowed: 0, which leaves nothing, or how many bytes are to be left.");
        }
        inFilesystem("fill()", (point, filesystem) -> host.fill(point, filesystem, leaveBytes));
    }

    @Override
    public void fillInodes() {
        inFilesystem("fillInodes()", host::fillInodes);
    }

    @Override
    public void free() {
        inFilesystem("free()", host::free);
    }

    /** Does something in the mounted filesystem, which stays mounted meanwhile. */
    private void inFilesystem(String call, BiConsumer<Path, Filesystem> work) {
        lock.run(() -> {
            checkOpen();
            checkFilesystem(call);
            checkPowered(call);
            Path point = mounts.point()
                    .orElseThrow(() ->
                            new IllegalStateException(name() + " is not mounted: call mount() before " + call + "."));
            work.accept(point, spec.filesystem());
        });
    }

    @Override
    public void resize(long bytes) {
        checkOpen();
        change(() -> served.resize(bytes));
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        checkOpen();
        change(() -> served.setReadOnly(readOnly));
    }

    /** Makes a change, and updates the spec from the kernel: a failed change may have happened all the same, or in part. */
    private void change(Runnable change) {
        synchronized (changing) {
            try {
                change.run();
            } finally {
                info().ifPresent(now -> spec = DeviceFactory.builderOf(spec)
                        .size(now.parameters().size())
                        .readOnly(now.parameters().flags().contains(READ_ONLY))
                        .spec());
            }
        }
    }

    @Override
    public DeviceStatistics statistics() {
        return served.statistics();
    }

    ServedDevice served() {
        return served;
    }

    /** Returns the image file that the server has open for this device; empty if there is none. */
    Optional<OpenImage> openImage() {
        return image.map(file -> new OpenImage(served.answering().jvm().pid(), file, name()));
    }

    @Override
    public Faults faults() {
        return faults;
    }

    /** Returns what has been read since this entry of the journal. */
    Reads reads(long after) {
        return served.reads(after);
    }

    /** Returns the journal's entries whose number is greater than this, without the others, which can be many. */
    List<JournalEntry> entriesAfter(long sequence) {
        return recorder.entries(sequence);
    }

    @Override
    public Journal journal() {
        return journal;
    }

    /** Returns what knows the files of this device. */
    DeviceFiles files() {
        return files;
    }

    /** The filesystem of this device, for those who look at it. */
    private final class Filesystems implements DeviceFiles.Source {
        @Override
        public Optional<Path> point() {
            return mounts.point();
        }

        @Override
        public boolean mayLook() {
            return !closed && served.faults().list().stream().noneMatch(this::forbids);
        }

        /**
         * Returns whether a rule could act on a look, which can read from the disk, or could hold it up with a directory
         * open.
         */
        private boolean forbids(Fault fault) {
            boolean acts = fault.hits() < fault.rule().times();
            return fault.rule().action() instanceof Action.Hold
                    ? acts || !fault.held().isEmpty()
                    : acts && fault.rule().operations().contains(Operation.READ);
        }

        @Override
        public FileMap look(Path mounted) {
            return host.files(mounted, spec.filesystem());
        }

        @Override
        public FileMap parts(Path mounted) {
            return host.parts(path, mounted, spec.filesystem());
        }

        @Override
        public List<Place> places(Path mounted, String file) {
            return host.places(mounted, spec.filesystem(), file);
        }

        @Override
        public void checkRules() {
            if (spec.filesystem() != Filesystem.EXT4 && spec.filesystem() != Filesystem.XFS) {
                throw new IllegalArgumentException("A rule for a file cannot be armed on " + name()
                        + ", whose filesystem is " + spec.filesystem()
                        + ". Allowed: EXT4 and XFS, which say where a file"
                        + " is while it is written. Name the sectors instead: sectors(first, last).");
            }
        }
    }

    @Override
    public long seed() {
        return faults.seed();
    }

    @Override
    public CutReport powerCut(Survivors survivors) {
        checkOpen();
        files.look(); // While the disk can be read.
        return files.report(served.powerCut(survivors));
    }

    @Override
    public void restorePower() {
        lock.run(this::restorePowerAlone);
    }

    private void restorePowerAlone() {
        checkOpen();
        if (served.powered()) {
            return;
        }
        checkNoTenants(
                "The power of " + name() + " stays off: the kernel keeps what the disk has lost for",
                "Stop it before restorePower(), or cut its power with the disk's");
        mountedBefore |= mounts.point().isPresent();
        files.look(); // What the kernel still knows, in case a rule has cut the power.
        // The power is still off, so nothing that the kernel writes back now reaches the disk.
        List<String> holders = mounts.tryUnmount(true, Bounded::call);
        if (mounts.point().isPresent()) {
            throw Leaks.exception(
                    "The power of " + name() + " stays off. Its filesystem at "
                            + mounts.point().get() + " has to be unmounted first, and is still in use:",
                    holders,
                    "Close these before restorePower(): whoever had them open would have died with the power.");
        }
        List<ProcFs.Mount> others = mounts.foreign();
        if (!others.isEmpty()) {
            List<String> lines = others.stream()
                    .map(mount -> "it is mounted at " + mount.point())
                    .toList();
            throw Leaks.exception(
                    "The power of " + name() + " stays off: it was mounted by somebody else when it was cut:",
                    lines,
                    "Unmount it before restorePower(): the kernel has cached what the disk has lost.");
        }
        // What cannot be written was lost in the power cut, so its error is not reported.
        host.flushBuffers(path);
        files.cut();
        served.restorePower();
        if (mountedBefore) {
            mountNow();
            mountedBefore = false;
        }
    }

    @Override
    public boolean powered() {
        return served.powered();
    }

    @Override
    public Optional<PowerDomain> powerDomain() {
        return powerDomain;
    }

    void join(PowerDomain domain) {
        powerDomain = Optional.of(domain);
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return files.unflushed(served.unflushed());
    }

    @Override
    public Snapshot snapshot() {
        synchronized (changing) {
            return snapshotOf(served.snapshot());
        }
    }

    @Override
    public Snapshot snapshot(Survivors survivors) {
        synchronized (changing) {
            return snapshotOf(served.snapshot(survivors));
        }
    }

    private Snapshot snapshotOf(ServedSnapshot snapshot) {
        return new LiveSnapshot(spec, image, snapshot, offspring);
    }

    @Override
    public List<Throwable> handlerFailures() {
        List<Throwable> all = new ArrayList<>(served.failures());
        offspring.forks().forEach(fork -> all.addAll(fork.served.failures()));
        all.addAll(offspring.failures());
        return List.copyOf(all.subList(0, Math.min(all.size(), MAX_FAILURES)));
    }

    Offspring offspring() {
        return offspring;
    }

    @Override
    public List<Unproven> unproven() {
        List<Unproven> all = new ArrayList<>();
        List<LiveDevice> devices = new ArrayList<>(List.of(this));
        devices.addAll(offspring.forks());
        Choices choices = offspring.choices();
        for (LiveDevice device : devices) {
            Offspring.Shown now = device.shown;
            if (now == null) {
                now = device.ask();
            }
            all.addAll(now.unproven());
            choices = choices.and(now.choices());
        }
        all.addAll(offspring.unproven());
        if (choices.asked() > 0 && !choices.found()) {
            all.add(new Unproven(
                    Unproven.Kind.NOTHING_TO_SURVIVE,
                    name() + ": "
                            + (choices.asked() == 1
                                    ? "a power cut (or a snapshot of one) was to choose survivors ("
                                    : choices.asked()
                                            + " power cuts (or snapshots of one) were to choose survivors (the last: ")
                            + choices.survivors() + "), and nothing was ever unflushed."
                            + (spec.cache() == CacheMode.NONE ? " It has no volatile cache (cache = NONE)." : "")));
        }
        return all;
    }

    private Offspring.Shown ask() {
        Evidence evidence = served.evidence();
        String who = offspring.describe();
        Faults rules = faults;
        List<Unproven> all = new ArrayList<>();
        evidence.neverActed()
                .forEach(one -> all.add(one.of(who, rules.armedAt(one.rule().name()))));
        for (String rule : rules.unarmed()) {
            all.add(new Unproven(
                    Unproven.Kind.RULE_WITHOUT_ACTION, who + ": a rule got no action, so it was not armed: " + rule));
        }
        return new Offspring.Shown(all, evidence.choices(), List.of());
    }

    /** Keeps what the device has shown. Throws nothing, and waits for the server only for a limited time. */
    private void askBeforeTeardown() {
        try {
            shown = removal.ask("asking what the rules of " + name() + " have done", this::ask);
        } catch (DblockException e) {
            Unproven unknown = new Unproven(
                    Unproven.Kind.NOT_KNOWN, offspring.describe() + ": it cannot be told: " + e.getMessage());
            shown = new Offspring.Shown(List.of(unknown), Choices.NONE, List.of());
        }
    }

    private void leave() {
        List<Throwable> failures = List.of();
        try {
            failures = removal.ask("asking what the handler of " + name() + " has thrown", served::failures);
        } catch (DblockException e) {
            // The server is gone or does not answer, which the teardown has reported.
        }
        Offspring.Shown last = shown == null ? Offspring.Shown.NOTHING : shown;
        offspring.end(this, new Offspring.Shown(last.unproven(), last.choices(), failures));
    }

    @Override
    public void closeForks() {
        List<String> leaks = new ArrayList<>();
        List<DblockException> failures = new ArrayList<>();
        for (LiveDevice fork : offspring.forks()) {
            String who = fork.offspring.describe();
            fork.mountPoint().ifPresent(point -> leaks.add(who + ", was still mounted at " + point));
            try {
                fork.close();
            } catch (LeakException e) {
                e.holders().forEach(holder -> leaks.add(who + ", was still used: " + holder));
            } catch (DblockException e) {
                failures.add(e);
            }
            fork.incidents().forEach(this::note);
        }
        for (LiveSnapshot snapshot : offspring.snapshots()) {
            try {
                snapshot.close();
            } catch (DblockException e) {
                failures.add(e);
                break; // One server has them all, and it does not answer.
            }
        }
        if (!leaks.isEmpty()) {
            failures.add(
                    0,
                    Leaks.exception(
                            "Forks of " + name() + " were still in use when it was to be closed:",
                            leaks,
                            "They have been closed all the same. Close a fork where it is made:"
                                    + " try (BlockDevice fork = disk.fork()) { ... }"));
        }
        if (!failures.isEmpty()) {
            DblockException first = failures.remove(0);
            failures.forEach(first::addSuppressed);
            throw first;
        }
    }

    @Override
    public List<String> incidents() {
        return List.copyOf(incidents);
    }

    @Override
    public void unplug() {
        whileThere(() -> {
            mounts.remember();
            return removal.byForce();
        });
    }

    @Override
    public void unplug(String why) {
        note(why);
        System.err.println("junit-dblock: " + why);
        unplug();
    }

    @Override
    public Duration oldestRequest() {
        return info().flatMap(DeviceInfo::oldest).map(OldestRequest::age).orElse(Duration.ZERO);
    }

    /** Returns what the kernel reports about the device; empty once it is gone. */
    private Optional<DeviceInfo> info() {
        return whileThere(() -> {
            try {
                return Optional.of(served.info());
            } catch (ControlException e) {
                return Optional.<DeviceInfo>empty(); // The device is destroyed, and no process has it open.
            }
        });
    }

    /** Makes a call that needs the kernel's device; returns an empty result once such calls are over. */
    private <T> Optional<T> whileThere(Supplier<Optional<T>> what) {
        kernel.readLock().lock();
        try {
            return gone ? Optional.empty() : what.get();
        } finally {
            kernel.readLock().unlock();
        }
    }

    @Override
    public List<String> heldBy() {
        try {
            return removal.ask("asking what holds requests of " + name(), () -> LiveSubject.holding(served));
        } catch (DblockException e) {
            return List.of(); // The server does not answer, so its rules are not known.
        }
    }

    private void goAway() {
        kernel.writeLock().lock();
        try {
            gone = true;
        } finally {
            kernel.writeLock().unlock();
        }
    }

    private void closeServer() {
        try {
            watch.close();
        } finally {
            goAway();
            served.close();
        }
    }

    @Override
    public void close() {
        synchronized (closing) {
            if (closed) {
                return;
            }
            closed = true;
            files.end();
            askBeforeTeardown();
            Teardown teardown = new Teardown(
                    served, mounts, tenants, path, this::oldestRequest, removal, this::closeServer, this::note, limits);
            boolean alone = takeLock(teardown);
            try {
                teardown.run();
            } finally {
                if (alone) {
                    lock.giveBack();
                }
                runs.forget(name());
                LiveDevices.remove(this);
                leave();
            }
            teardown.report();
        }
    }

    /** Takes the lock, and removes the disk by force if another thread holds it too long. Returns whether it got the lock. */
    private boolean takeLock(Teardown teardown) {
        if (lock.take(END_OF_CALL)) {
            return true;
        }
        teardown.force(lock.holder() + " was still using it in a call that had not returned after "
                + END_OF_CALL.toSeconds() + " s");
        return lock.take(END_OF_CALL);
    }

    void closeQuietly() {
        try {
            close();
        } catch (DblockException e) {
            // The caller is about to throw the reason why the device could not be made, which says more.
        }
    }

    @Override
    public String toString() {
        return path + " (" + ByteSize.format(size())
                + (spec.filesystem() == Filesystem.NONE ? "" : ", " + spec.filesystem()) + ")";
    }
}
