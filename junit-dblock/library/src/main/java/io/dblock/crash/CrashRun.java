// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import java.util.Objects;
import java.util.function.Consumer;

/** The run of a crash test's workload. Safe for use by several threads. */
public final class CrashRun {
    private final Consumer<Object> acknowledge;

    CrashRun(Consumer<Object> acknowledge) {
        this.acknowledge = acknowledge;
    }

    /** Says that something has to survive from now on, such as the number of a transaction that is committed. */
    public void acknowledge(Object what) {
        acknowledge.accept(Objects.requireNonNull(what, "what"));
    }
}
