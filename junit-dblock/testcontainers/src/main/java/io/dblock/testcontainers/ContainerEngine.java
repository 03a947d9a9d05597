// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.testcontainers.containers.output.OutputFrame;

/** What is asked of Docker or Podman, about containers and images. */
interface ContainerEngine {

    /**
     * The state of a container.
     *
     * @param running whether it has processes; a frozen container runs
     * @param exitCode with which its first process ended; 0 while it runs
     * @param startedAt when it was started last; {@link Instant#EPOCH} if it never was
     * @param pid its first process, as this machine counts; 0 if it does not run
     * @param launch what it was made with
     */
    record Status(boolean running, long exitCode, Instant startedAt, long pid, Launch launch) {}

    /**
     * A line that a container has written.
     *
     * @param at when
     * @param text the line without its end
     */
    record Line(Instant at, String text) {}

    /**
     * What an image says about containers made from it.
     *
     * @param launch what they are started with
     * @param user the user they run as; empty if it is root
     */
    record Image(Launch launch, String user) {}

    /**
     * Checks that there is an engine.
     *
     * @throws IllegalStateException if there is none; the message says what was tried
     */
    void requireAvailable();

    /** Returns the state of a container; empty if it has been removed. */
    Optional<Status> status(String container);

    /** Freezes the processes of a container, if the engine can. */
    void freeze(String container);

    /** Lets frozen processes go on. Does nothing if none are frozen. */
    void thaw(String container);

    /** Ends the processes of a container at once, frozen or not. Does nothing if it does not run. */
    void kill(String container);

    /** Starts a container again that has ended. */
    void start(String container);

    /** Returns what a container has written since, in order. */
    List<Line> log(String container, Instant since);

    /** Gives what a container writes from now on to these, until it ends. */
    void follow(String container, Instant since, List<Consumer<OutputFrame>> consumers);

    Image image(String image);

    /**
     * Returns the owner of a directory in an image, or of a new one if it has none of that path.
     *
     * @param user the user that its containers run as; empty if it is root
     */
    Owner owner(String image, String path, String user);

    /**
     * Who owns a directory.
     *
     * @param uid the user's number
     * @param gid the group's number
     * @param mode the permissions
     */
    record Owner(int uid, int gid, int mode) {
        static final Owner ROOT = new Owner(0, 0, 0755);

        Map<String, Integer> attributes() {
            return Map.of("unix:uid", uid, "unix:gid", gid, "unix:mode", mode);
        }
    }
}
