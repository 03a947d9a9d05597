// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.testcontainers.containers.output.OutputFrame;

/** Containers without an engine. What is done with them goes into a log that the disks of a test share. */
final class FakeEngine implements ContainerEngine {
    /** A container. */
    static final class Container {
        boolean running = true;
        boolean freezable = true;
        boolean ready = true;
        boolean diesAtStart;
        Instant startedAt = Instant.now();
        Launch launch = new Launch(List.of(), Map.of());
        final List<Line> lines = new ArrayList<>();
    }

    final List<String> log;
    final Map<String, Container> containers = new LinkedHashMap<>();
    Image image = new Image(new Launch(List.of(), Map.of()), "");
    Owner owner = Owner.ROOT;
    IllegalStateException unavailable;

    FakeEngine(List<String> log) {
        this.log = log;
    }

    Container add(String id) {
        Container container = new Container();
        containers.put(id, container);
        return container;
    }

    @Override
    public void requireAvailable() {
        if (unavailable != null) {
            throw unavailable;
        }
    }

    @Override
    public Optional<Status> status(String id) {
        return Optional.ofNullable(containers.get(id))
                .map(one -> new Status(
                        one.running, one.running ? 0 : 137, one.startedAt, one.running ? 100 : 0, one.launch));
    }

    @Override
    public void freeze(String id) {
        log.add((containers.get(id).freezable ? "freeze " : "cannot freeze ") + id);
    }

    @Override
    public void thaw(String id) {
        log.add("thaw " + id);
    }

    @Override
    public void kill(String id) {
        log.add("kill " + id);
        containers.get(id).running = false;
    }

    @Override
    public void start(String id) {
        log.add("start " + id);
        Container container = containers.get(id);
        container.running = !container.diesAtStart;
        container.startedAt = Instant.now();
        if (container.ready) {
            container.lines.add(new Line(Instant.now(), "LOG:  database system is ready to accept connections"));
        }
        if (container.diesAtStart) {
            container.lines.add(new Line(Instant.now(), "PANIC:  could not locate a valid checkpoint record"));
        }
    }

    @Override
    public List<Line> log(String id, Instant since) {
        return containers.get(id).lines.stream()
                .filter(line -> !line.at().isBefore(since))
                .toList();
    }

    @Override
    public void follow(String id, Instant since, List<Consumer<OutputFrame>> consumers) {}

    @Override
    public Image image(String name) {
        return image;
    }

    @Override
    public Owner owner(String name, String path, String user) {
        log.add("owner of " + path + " in " + name);
        return owner;
    }
}
