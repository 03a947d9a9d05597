// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import io.dblock.ModuleUnavailableException;
import java.util.List;

/** Makes the kernel module available: already loaded, a cached build, or built against this kernel's headers. */
@SuppressWarnings("DoNotCallSuggester")
public final class ModuleLoader {
    private ModuleLoader() {}

    /**
     * One way tried.
     *
     * @param what what was tried
     * @param outcome "ok", or why it was not possible
     * @param remedy the command that mends it; empty if nothing has to be mended or nothing can be done
     * @param succeeded whether it was possible
     */
    public record Attempt(String what, String outcome, String remedy, boolean succeeded) {}

    /**
     * Has the module loaded when it returns; does nothing if it is already. Safe against other threads and processes.
     *
     * @throws ModuleUnavailableException if no way led there; lists each
     */
    public static ModuleVersion ensureLoaded() {
        throw new ModuleUnavailableException("not implemented yet");
    }

    /** What {@link #ensureLoaded()} would find here, without loading or building anything. */
    public static List<Attempt> diagnose() {
        return List.of();
    }
}
