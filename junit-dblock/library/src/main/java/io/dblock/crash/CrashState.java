// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.internal.crash.ShownState;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What a power cut or a fault can leave, on a device of its own. The check may write to it. Only usable during the check. */
@CheckReturnValue
public final class CrashState {
    private final ShownState state;

    CrashState(ShownState state) {
        this.state = state;
    }

    /**
     * Mounts the filesystem, which recovers it, unless it is mounted.
     *
     * @return where it is mounted
     * @throws io.dblock.DblockException if it cannot be mounted
     */
    public Path mount() {
        return state.mount();
    }

    /** Returns the node of the device, such as {@code /dev/dblock1}. */
    public Path path() {
        return state.path();
    }

    /** Returns what was acknowledged when the power was cut, in order. */
    public List<Object> acknowledged() {
        return List.copyOf(state.acknowledged());
    }

    /** Returns what of this type was acknowledged when the power was cut, in order. */
    public <T> List<T> acknowledged(Class<T> type) {
        return state.acknowledged().stream()
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    /**
     * Returns what the workload has thrown: in a {@link FaultTest} it may, because a request has failed. Empty if it ended
     * normally, as it always does in a {@link CrashTest}.
     */
    public Optional<Throwable> reported() {
        return Optional.ofNullable(state.reported());
    }

    /** Returns the id of the state, see {@link CrashTest#STATE} and {@link FaultTest#FAULT}. */
    public String id() {
        return state.id();
    }

    /** Returns id and description. */
    @Override
    public String toString() {
        return state.id() + " " + state.text();
    }
}
