// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Device;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Ports;
import io.dblock.BlockDevice;
import io.dblock.internal.device.Tenant;
import io.dblock.internal.device.Tenants;
import java.lang.reflect.Method;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.testcontainers.containers.ContainerLaunchException;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.startupcheck.StartupCheckStrategy;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.containers.wait.strategy.WaitStrategy;
import org.testcontainers.containers.wait.strategy.WaitStrategyTarget;
import org.testcontainers.lifecycle.Startable;

/**
 * A container with disks. It is one of the container's dependencies: Testcontainers starts these first, so that the disks
 * are there and mounted. It changes what the container is made with, and looks at the result before Testcontainers waits
 * for it. None of this takes a class of its own for the container.
 */
final class AttachedContainer implements Startable {
    private static final Duration PAUSE = Duration.ofMillis(50);
    /** How many lines of a log an error has. */
    private static final int SHOWN = 20;

    private final GenericContainer<?> container;
    private final ContainerEngine engine;
    private final MountTable mounts;
    private final List<DiskUse> uses = new CopyOnWriteArrayList<>();
    /** Known once the container is made. */
    private volatile Optional<Database> database = Optional.empty();
    /** The container that has been shown to flush, by its id. */
    private volatile String flushed = "";
    /** When what the container's set-up has written had been flushed. */
    private volatile Instant settled = Instant.EPOCH;

    AttachedContainer(GenericContainer<?> container, ContainerEngine engine, MountTable mounts) {
        this.container = container;
        this.engine = engine;
        this.mounts = mounts;
    }

    /** Returns what is attached to this container: always the same. */
    static synchronized AttachedContainer of(GenericContainer<?> container) {
        for (Startable dependency : container.getDependencies()) {
            if (dependency instanceof AttachedContainer attached) {
                return attached;
            }
        }
        AttachedContainer attached =
                new AttachedContainer(container, DockerEngine.INSTANCE, MountTable.ofThisMachine());
        container.dependsOn(attached);
        container.withCreateContainerCmdModifier(attached::configure);
        container.setStartupCheckStrategy(attached.new Check(container.getStartupCheckStrategy()));
        return attached;
    }

    void add(DiskUse use) {
        uses.add(use);
    }

    // ---- starting ----

    /** For Testcontainers: called before each start of the container. */
    @Override
    public void start() {
        if (container.isShouldBeReused()) {
            throw new IllegalStateException(
                    name() + " does not start: a container that is reused by later test runs cannot"
                            + " have a disk of this one. Remove withReuse(true).");
        }
        engine.requireAvailable();
        for (DiskUse use : uses) {
            BlockDevice device = use.open();
            requireOwnDirectory(use, device);
            Tenants.add(device, new Tenancy(this, device));
        }
    }

    private void requireOwnDirectory(DiskUse use, BlockDevice device) {
        for (AttachedContainer other : on(device)) {
            if (other != this && other.uses.stream().anyMatch(use::sharesDirectory) && other.isRunning()) {
                throw new IllegalStateException(name() + " does not start: " + other.name() + " has the directory \""
                        + use.disk().directory() + "\" of " + device.name()
                        + ", too. Give each one of its own: directory(\"...\").");
            }
        }
    }

    /** For Testcontainers, which does not call it. */
    @Override
    public void stop() {}

    /** Gives the container that is about to be made its disks and its settings. */
    void configure(CreateContainerCmd command) {
        String image = command.getImage();
        ContainerEngine.Image made = engine.image(image);
        Launch launch = launch(command, made);
        database = chosen().or(() -> Database.of(container.getClass(), image));

        List<Bind> binds = new ArrayList<>();
        List<Device> devices = new ArrayList<>();
        Launch changed = launch;
        boolean hasData = false;
        for (DiskUse use : uses) {
            String place = use.decidePlace(database, changed);
            if (use.kind() == DiskUse.Kind.DIRECTORY) {
                hasData |= use.hasData();
                use.prepare(engine, image, user(command, made));
                binds.add(use.bind());
                if (database.isPresent() && isDataOf(use)) {
                    changed = database.get().keepingDataIn(place, changed);
                }
            } else {
                devices.add(use.node());
            }
        }
        apply(command, binds, devices);
        change(command, made, launch, durable(changed));
        if (hasData && database.isPresent()) {
            expectData(database.get());
        }
        settleWhenReady();
    }

    /** Returns whether this is where the database keeps its data, not a further disk of its container. */
    private boolean isDataOf(DiskUse use) {
        return uses.get(0) == use;
    }

    private Optional<Database> chosen() {
        return uses.stream().flatMap(use -> use.disk().database().stream()).findFirst();
    }

    private static String user(CreateContainerCmd command, ContainerEngine.Image image) {
        return command.getUser() == null || command.getUser().isEmpty() ? image.user() : command.getUser();
    }

    private static Launch launch(CreateContainerCmd command, ContainerEngine.Image image) {
        String[] own = command.getCmd();
        Map<String, String> environment = new LinkedHashMap<>(image.launch().environment());
        environment.putAll(DockerEngine.variables(command.getEnv()));
        return new Launch(own == null || own.length == 0 ? image.launch().command() : Arrays.asList(own), environment);
    }

    private static void apply(CreateContainerCmd command, List<Bind> binds, List<Device> devices) {
        HostConfig host = command.getHostConfig();
        List<Bind> allBinds = new ArrayList<>(Arrays.asList(host.getBinds()));
        allBinds.addAll(binds);
        host.withBinds(allBinds);
        if (!devices.isEmpty()) {
            List<Device> allDevices = new ArrayList<>();
            if (host.getDevices() != null) {
                allDevices.addAll(Arrays.asList(host.getDevices()));
            }
            allDevices.addAll(devices);
            host.withDevices(allDevices);
        }
        fixPorts(host);
    }

    /**
     * Gives each port that is to have any port of the host one that stays. The engine would choose another when the
     * container starts again after a power cut, and neither Testcontainers nor the test would know.
     */
    private static void fixPorts(HostConfig host) {
        Ports ports = host.getPortBindings();
        if (ports == null) {
            return;
        }
        Ports fixed = new Ports();
        List<ExposedPort> free = new ArrayList<>();
        ports.getBindings().forEach((exposed, bindings) -> {
            boolean any = bindings == null || bindings.length == 0;
            for (Ports.Binding binding : any ? new Ports.Binding[0] : bindings) {
                if (binding.getHostPortSpec() == null
                        || binding.getHostPortSpec().isEmpty()) {
                    any = true;
                } else {
                    fixed.bind(exposed, binding);
                }
            }
            if (any) {
                free.add(exposed);
            }
        });
        List<Integer> numbers = FreePorts.take(free.size());
        for (int i = 0; i < free.size(); i++) {
            fixed.bind(free.get(i), Ports.Binding.bindPort(numbers.get(i)));
        }
        host.withPortBindings(fixed);
    }

    /** Returns the launch with what the disks ask of the database's settings. */
    private Launch durable(Launch launch) {
        Durability durability = durability();
        if (durability == Durability.AS_CONFIGURED) {
            return launch;
        }
        if (database.isEmpty()) {
            if (durability == Durability.REQUIRED) {
                throw new IllegalStateException(name() + " does not start: its disk has durability(REQUIRED), and it is"
                        + " not known which settings of it are unsafe. Known are " + List.of(Database.values())
                        + ": say database(...) if it is one of these, or durability(AS_CONFIGURED) if you know that"
                        + " its settings are safe.");
            }
            return launch;
        }
        if (durability == Durability.REQUIRED) {
            refuseUnsafe(launch);
            return launch;
        }
        try {
            return database.get().turnOn(launch);
        } catch (IllegalStateException e) {
            throw new IllegalStateException(
                    name() + " does not start: what " + database.get() + " acknowledges may be lost, and that cannot be"
                            + " helped: " + e.getMessage()
                            + ". If its settings are safe, or are meant to be as they are, say"
                            + " durability(AS_CONFIGURED).",
                    e);
        }
    }

    /** The strictest that one of the disks asks for counts. */
    private Durability durability() {
        List<Durability> all = uses.stream().map(use -> use.disk().durability()).toList();
        if (all.contains(Durability.REQUIRED)) {
            return Durability.REQUIRED;
        }
        return all.contains(Durability.AS_CONFIGURED) ? Durability.AS_CONFIGURED : Durability.TURNED_ON;
    }

    private void refuseUnsafe(Launch launch) {
        List<String> unsafe = database.map(known -> known.unsafe(launch)).orElse(List.of());
        if (!unsafe.isEmpty()) {
            throw new IllegalStateException(name() + " does not start: with " + String.join(", ", unsafe) + ", "
                    + database.get() + " acknowledges what a power cut may lose. Change the setting, have it changed"
                    + " with durability(TURNED_ON), or say durability(AS_CONFIGURED) if it is meant to be so.");
        }
    }

    /** Sets what differs. */
    private static void change(CreateContainerCmd command, ContainerEngine.Image image, Launch before, Launch after) {
        if (!after.command().equals(before.command())) {
            command.withCmd(after.command());
        }
        if (!after.environment().equals(before.environment())) {
            Map<String, String> own = DockerEngine.variables(command.getEnv());
            after.environment().forEach((name, value) -> {
                if (!value.equals(image.launch().environment().get(name))) {
                    own.put(name, value);
                }
            });
            command.withEnv(own.entrySet().stream()
                    .map(variable -> variable.getKey() + "=" + variable.getValue())
                    .toList());
        }
    }

    /**
     * Waits for the database as it starts with data. Testcontainers' PostgreSQL module waits until the server is ready
     * twice, as it is when the image has made a new database.
     */
    private void expectData(Database known) {
        if (known == Database.POSTGRESQL) {
            container.setWaitStrategy(Wait.forLogMessage(".*" + known.readyLine() + ".*\\s", 1));
        }
    }

    private void settleWhenReady() {
        WaitStrategy own = waitStrategy(container);
        if (!(own instanceof Settling)) {
            container.setWaitStrategy(new Settling(own));
        }
    }

    /** Testcontainers shows it to subclasses only. */
    private static WaitStrategy waitStrategy(GenericContainer<?> container) {
        try {
            Method getter = GenericContainer.class.getDeclaredMethod("getWaitStrategy");
            getter.setAccessible(true);
            return (WaitStrategy) getter.invoke(container);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("This version of Testcontainers does not say how it waits for a container: " + e, e);
        }
    }

    /**
     * Waits as the container is waited for otherwise, and then has flushed what its set-up has written. That is no concern
     * of the test, and images are careless with it: PostgreSQL's writes pg_hba.conf without a flush, so that nobody is let
     * in after a power cut within the next half minute.
     */
    private final class Settling implements WaitStrategy {
        private WaitStrategy original;

        Settling(WaitStrategy original) {
            this.original = original;
        }

        @Override
        public void waitUntilReady(WaitStrategyTarget target) {
            original.waitUntilReady(target);
            uses.stream()
                    .filter(use -> use.kind() == DiskUse.Kind.DIRECTORY)
                    .flatMap(use -> use.device().stream())
                    .distinct()
                    .forEach(BlockDevice::dropCaches);
            settled = Instant.now();
        }

        @Override
        public WaitStrategy withStartupTimeout(Duration limit) {
            original = original.withStartupTimeout(limit);
            return this;
        }
    }

    /** Looks at the container once it has started, before Testcontainers waits until it is ready. */
    private final class Check extends StartupCheckStrategy {
        private final StartupCheckStrategy original;

        Check(StartupCheckStrategy original) {
            this.original = original;
        }

        @Override
        @SuppressWarnings("deprecation") // Testcontainers calls this one.
        public boolean waitUntilStartupSuccessful(GenericContainer<?> started) {
            check();
            return original.waitUntilStartupSuccessful(started);
        }

        @Override
        public StartupStatus checkStartupState(DockerClient client, String id) {
            return original.checkStartupState(client, id);
        }
    }

    /** Checks that the container has what it was to have. A later change of what it is made with comes to light here. */
    void check() {
        Optional<ContainerEngine.Status> status = status();
        if (status.isEmpty() || !status.get().running()) {
            return; // Testcontainers says that, and has its log.
        }
        if (durability() != Durability.AS_CONFIGURED) {
            refuseUnsafe(status.get().launch());
        }
        for (DiskUse use : uses) {
            BlockDevice device = use.device().orElseThrow();
            if (use.kind() == DiskUse.Kind.DIRECTORY
                    && !mounts.has(status.get().pid(), device, use.place())
                    && status().map(ContainerEngine.Status::running).orElse(false)) {
                throw new IllegalStateException(name() + " does not have " + device.name() + " at " + use.place()
                        + ". Its engine does not see the mounts of this JVM: it runs on another machine, in a container"
                        + " or in a mount namespace of its own. Run both on one machine, and let the engine see mounts"
                        + " that are made after it has started (mount --make-rshared /).");
            }
        }
    }

    // ---- what it is, and whether it runs ----

    Optional<String> id() {
        return Optional.ofNullable(container.getContainerId());
    }

    private Optional<ContainerEngine.Status> status() {
        return id().flatMap(engine::status);
    }

    boolean isRunning() {
        return status().map(ContainerEngine.Status::running).orElse(false);
    }

    String name() {
        String short12 = id().map(id -> " (" + id.substring(0, Math.min(12, id.length())) + ")")
                .orElse("");
        return "The container " + image(container) + short12;
    }

    /** Returns the image's name. Before a container starts, that may not be known: an image may have to be made. */
    static String image(GenericContainer<?> container) {
        try {
            return container.getDockerImageName();
        } catch (RuntimeException e) {
            return "of " + container.getClass().getSimpleName();
        }
    }

    /** Returns the devices that it has had since it was started last. */
    List<BlockDevice> devices() {
        return uses.stream().flatMap(use -> use.device().stream()).distinct().toList();
    }

    /** Returns the attached containers that have been started on this device, in the order of their first start. */
    static List<AttachedContainer> on(BlockDevice device) {
        return Tenants.of(device).stream()
                .filter(Tenancy.class::isInstance)
                .map(tenant -> ((Tenancy) tenant).container())
                .filter(attached -> attached.devices().contains(device))
                .toList();
    }

    /** A container that uses a device. */
    private record Tenancy(AttachedContainer container, BlockDevice device) implements Tenant {
        @Override
        public Optional<String> using() {
            if (!container.devices().contains(device) || !container.isRunning()) {
                return Optional.empty();
            }
            return Optional.of(container.name() + " has it at "
                    + container.uses.stream()
                            .filter(use -> use.device().equals(Optional.of(device)))
                            .map(DiskUse::place)
                            .toList());
        }

        @Override
        public void end() {
            container.container.stop();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Tenancy that && that.container == container && that.device == device;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(container) * 31 + System.identityHashCode(device);
        }
    }

    // ---- power ----

    /**
     * Checks, once for each container, that something has been flushed since it was ready.
     *
     * @throws AssertionError if not
     */
    void requireFlushed() {
        if (durability() == Durability.AS_CONFIGURED || id().equals(Optional.of(flushed))) {
            return;
        }
        String id = id().orElseThrow();
        Instant started = engine.status(id).orElseThrow().startedAt();
        Optional<Instant> ready = database.flatMap(known -> engine.log(id, started).stream()
                .filter(line -> known.isReady(line.text()))
                .map(ContainerEngine.Line::at)
                .reduce((first, second) -> second));
        Instant since = Stream.of(ready.orElse(started), settled)
                .max(Comparator.naturalOrder())
                .orElseThrow();
        List<BlockDevice> never = devices().stream()
                .filter(device -> !Flushes.since(device, since))
                .toList();
        if (never.size() == devices().size()) {
            throw new AssertionError("Nothing was flushed to "
                    + never.stream().map(BlockDevice::name).toList()
                    + " since " + name() + " " + (ready.isPresent() ? "was ready" : "was started") + ": "
                    + "it has committed nothing, or its settings keep it from flushing. A power cut then shows nothing"
                    + " about what survives. Commit something before the cut, or say durability(AS_CONFIGURED).");
        }
        flushed = id;
    }

    void freeze() {
        engine.freeze(id().orElseThrow());
    }

    void thaw() {
        engine.thaw(id().orElseThrow());
    }

    void kill() {
        engine.kill(id().orElseThrow());
    }

    void awaitEnd(Duration limit) {
        await(limit, () -> !isRunning(), "has not ended " + limit.toSeconds() + " s after it was killed");
    }

    /** Checks that what the container has of its disks is still there. The engine would make an empty directory. */
    void requireDirectories() {
        for (DiskUse use : uses) {
            use.requireDirectory(name());
        }
    }

    /** Starts the same container again: with the files that it has outside of the disks, and on the same ports. */
    void startAgain() {
        String id = id().orElseThrow();
        engine.start(id);
        Instant since = engine.status(id).map(ContainerEngine.Status::startedAt).orElse(Instant.EPOCH);
        engine.follow(id, since, List.copyOf(container.getLogConsumers()));
        check();
    }

    /** Waits until the container is ready that was started again. */
    void awaitReady(Duration limit) {
        Optional<WaitStrategy> own = uses.stream()
                .flatMap(use -> use.disk().readyAfterCut().stream())
                .findFirst();
        if (own.isPresent()) {
            own.get().waitUntilReady(container);
        } else if (database.isPresent()) {
            Database known = database.get();
            await(limit, () -> isReadyAgain(known), "was not ready " + limit.toSeconds() + " s after it was started");
        } else {
            Wait.forListeningPort().withStartupTimeout(limit).waitUntilReady(container);
        }
        if (!isRunning()) {
            throw didNotComeBack("has ended");
        }
    }

    private boolean isReadyAgain(Database known) {
        String id = id().orElseThrow();
        ContainerEngine.Status status = engine.status(id).orElseThrow(() -> didNotComeBack("has been removed"));
        if (!status.running()) {
            throw didNotComeBack("has ended with exit code " + status.exitCode());
        }
        return engine.log(id, status.startedAt()).stream().anyMatch(line -> known.isReady(line.text()));
    }

    private ContainerLaunchException didNotComeBack(String why) {
        List<ContainerEngine.Line> lines = id().flatMap(engine::status)
                .map(status -> engine.log(id().orElseThrow(), status.startedAt()))
                .orElse(List.of());
        StringBuilder text =
                new StringBuilder(name()).append(" ").append(why).append(". Since it was started last it wrote");
        if (lines.isEmpty()) {
            text.append(" nothing.");
        } else {
            text.append(", in the end:");
            lines.subList(Math.max(0, lines.size() - SHOWN), lines.size())
                    .forEach(line -> text.append("\n  ").append(line.text()));
        }
        return new ContainerLaunchException(text.toString());
    }

    private void await(Duration limit, BooleanSupplier condition, String otherwise) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - start > limit.toNanos()) {
                throw didNotComeBack(otherwise);
            }
            try {
                Thread.sleep(PAUSE.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("Interrupted while waiting for " + name(), e);
            }
        }
    }

    void awaitUnmounted(BlockDevice device, Duration limit) {
        mounts.awaitUnmountedElsewhere(device, limit);
    }
}
