// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Knows whether a context, or anything below it, failed. One lives in the store of each context below the root that has
 * our extension; what it has seen it hands to its parent when its context ends, which is before the parent's devices do.
 * Safe for use by many threads.
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

    /** To be called at the beginning of every context, for its failures to be seen above. */
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
