// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.exception.NotModifiedException;
import com.github.dockerjava.api.model.ContainerConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.output.FrameConsumerResultCallback;
import org.testcontainers.containers.output.OutputFrame;
import org.testcontainers.containers.output.OutputFrame.OutputType;
import org.testcontainers.containers.output.ToStringConsumer;

/** The engine that Testcontainers has found: Docker, or Podman by Docker's interface. */
final class DockerEngine implements ContainerEngine {
    static final DockerEngine INSTANCE = new DockerEngine();

    private static final int ANSWER_SECONDS = 60;
    /** How far symbolic links are followed. */
    private static final int LINKS = 8;

    private DockerEngine() {}

    private static DockerClient client() {
        return DockerClientFactory.lazyClient();
    }

    @Override
    public void requireAvailable() {
        Availability.require();
    }

    @Override
    public Optional<Status> status(String container) {
        InspectContainerResponse info;
        try {
            info = client().inspectContainerCmd(container).exec();
        } catch (NotFoundException e) {
            return Optional.empty();
        }
        InspectContainerResponse.ContainerState state = info.getState();
        Long pid = state.getPidLong();
        Long exitCode = state.getExitCodeLong();
        return Optional.of(new Status(
                // Podman does not say of a frozen container that it runs.
                Boolean.TRUE.equals(state.getRunning()) || Boolean.TRUE.equals(state.getPaused()),
                exitCode == null ? 0 : exitCode,
                instant(state.getStartedAt()),
                pid == null ? 0 : pid,
                launch(info.getConfig())));
    }

    private static Instant instant(String time) {
        return time == null || time.isEmpty()
                ? Instant.EPOCH
                : OffsetDateTime.parse(time).toInstant();
    }

    private static Launch launch(ContainerConfig config) {
        return new Launch(
                config.getCmd() == null ? List.of() : Arrays.asList(config.getCmd()), variables(config.getEnv()));
    }

    /** Returns what these texts, NAME=VALUE each, set. */
    static Map<String, String> variables(String[] texts) {
        Map<String, String> variables = new LinkedHashMap<>();
        for (String text : texts == null ? new String[0] : texts) {
            String[] parts = text.split("=", 2);
            variables.put(parts[0], parts.length == 2 ? parts[1] : "");
        }
        return variables;
    }

    @Override
    public void freeze(String container) {
        try {
            client().pauseContainerCmd(container).exec();
        } catch (DockerException e) {
            // The machine cannot, or a process waits for the disk, or the container has just ended.
        }
    }

    @Override
    public void thaw(String container) {
        try {
            client().unpauseContainerCmd(container).exec();
        } catch (DockerException e) {
            // It is not frozen.
        }
    }

    @Override
    public void kill(String container) {
        try {
            client().killContainerCmd(container).exec();
        } catch (NotFoundException | NotModifiedException e) {
            return;
        } catch (DockerException e) {
            if (status(container).map(Status::running).orElse(false)) {
                throw e;
            }
            return;
        }
        // Frozen processes have got the signal, and get no further than that. Docker has thawed them already.
        thaw(container);
    }

    @Override
    public void start(String container) {
        try {
            client().startContainerCmd(container).exec();
        } catch (NotModifiedException e) {
            // It runs already.
        }
    }

    @Override
    public List<Line> log(String container, Instant since) {
        ToStringConsumer text = new ToStringConsumer();
        try (FrameConsumerResultCallback callback = new FrameConsumerResultCallback()) {
            callback.addConsumer(OutputType.STDOUT, text);
            callback.addConsumer(OutputType.STDERR, text);
            client().logContainerCmd(container)
                    .withStdOut(true)
                    .withStdErr(true)
                    .withTimestamps(true)
                    .withSince(seconds(since))
                    .exec(callback);
            if (!callback.awaitCompletion(ANSWER_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("The container engine has not given the log of container " + container
                        + " within " + ANSWER_SECONDS + " s.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("Interrupted while reading the log of container " + container, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines(text.toUtf8String(), since);
    }

    /** The engine takes whole seconds only. */
    private static int seconds(Instant since) {
        return (int) Math.max(0, since.getEpochSecond());
    }

    /** Returns the lines, each of which begins with its time, that are not older. */
    static List<Line> lines(String log, Instant since) {
        List<Line> lines = new ArrayList<>();
        for (String line : log.split("\\R", -1)) {
            int space = line.indexOf(' ');
            time(line.substring(0, Math.max(0, space)))
                    .filter(at -> !at.isBefore(since))
                    .ifPresent(at -> lines.add(new Line(at, line.substring(space + 1))));
        }
        return lines;
    }

    /** Returns the time; empty for what is none, as in the rest of a line that was too long for the engine. */
    private static Optional<Instant> time(String text) {
        try {
            return Optional.of(OffsetDateTime.parse(text).toInstant());
        } catch (DateTimeParseException e) {
            return Optional.empty();
        }
    }

    @Override
    public void follow(String container, Instant since, List<Consumer<OutputFrame>> consumers) {
        for (Consumer<OutputFrame> consumer : consumers) {
            FrameConsumerResultCallback callback = new FrameConsumerResultCallback();
            callback.addConsumer(OutputType.STDOUT, consumer);
            callback.addConsumer(OutputType.STDERR, consumer);
            // It ends when the container does.
            client().logContainerCmd(container)
                    .withStdOut(true)
                    .withStdErr(true)
                    .withFollowStream(true)
                    .withSince(seconds(since))
                    .exec(callback);
        }
    }

    @Override
    public Image image(String image) {
        ContainerConfig config = client().inspectImageCmd(image).exec().getConfig();
        if (config == null) {
            return new Image(new Launch(List.of(), Map.of()), "");
        }
        return new Image(launch(config), config.getUser() == null ? "" : config.getUser());
    }

    @Override
    public Owner owner(String image, String path, String user) {
        // The engine shows the files of containers only. This one is never started.
        Map<String, String> labels = new HashMap<>(DockerClientFactory.DEFAULT_LABELS);
        labels.put(DockerClientFactory.TESTCONTAINERS_SESSION_ID_LABEL, DockerClientFactory.SESSION_ID);
        String container = client().createContainerCmd(image)
                .withLabels(labels)
                .withCmd("true")
                .exec()
                .getId();
        try {
            return Owners.find(path, user, file -> file(container, file));
        } finally {
            client().removeContainerCmd(container)
                    .withRemoveVolumes(true)
                    .withForce(true)
                    .exec();
        }
    }

    /** Returns a file or directory of a container. Symbolic links are followed. */
    private static Optional<TarEntry> file(String container, String path) {
        String file = path;
        for (int i = 0; i < LINKS; i++) {
            TarEntry entry;
            try (InputStream archive =
                    client().copyArchiveFromContainerCmd(container, file).exec()) {
                entry = TarEntry.first(archive);
            } catch (NotFoundException e) {
                return Optional.empty();
            } catch (IOException e) {
                throw new UncheckedIOException(
                        "The container engine could not show " + file + " of container " + container, e);
            }
            if (entry.link().isEmpty()) {
                return Optional.of(entry);
            }
            file = Path.of(file).resolveSibling(entry.link()).normalize().toString();
        }
        return Optional.empty();
    }
}
