// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Records whether a context or one below it failed. The store of each context below the root that has the extension
 * holds one. When the context ends, the tracker passes the failure on to its parent, before the devices of the parent
 * end. Safe for use by several threads.
 */
final class CleanupTracker implements AutoCloseable {
    private static final Namespace NAMESPACE = Namespace.create(CleanupTracker.class);

    private final ExtensionContext context;
    private final CleanupTracker parent;
    private volatile boolean failed;

    private CleanupTracker(ExtensionContext context, CleanupTracker parent) {
        this.context = context;
        this.parent = parent;
    }

    /** Must be called at the beginning of every context, so that its failures reach the contexts above. */
    static CleanupTracker install(ExtensionContext context) {
        CleanupTracker parent = context.getParent().map(CleanupTracker::install).orElse(null);
        // Keyed by the context: a store also finds its ancestors' values.
        return ContextStores.computeIfAbsent(
                context.getStore(NAMESPACE),
                context.getUniqueId(),
                key -> new CleanupTracker(context, parent),
                CleanupTracker.class);
    }

    boolean failed() {
        return failed || context.getExecutionException().isPresent();
    }

    void markFailed() {
        failed = true;
    }

    @Override
    public void close() {
        if (parent != null && failed()) {
            parent.markFailed();
        }
    }
}
