// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.util.function.Function;
import org.junit.jupiter.api.extension.ExtensionContext;

/** What JUnit 5 and JUnit 6 call differently. */
final class ContextStores {
    private ContextStores() {}

    /** JUnit 6 deprecates this method for one that JUnit 5 has not got; they differ in what a null value means. */
    @SuppressWarnings("deprecation")
    static <K, V> V computeIfAbsent(ExtensionContext.Store store, K key, Function<K, V> creator, Class<V> type) {
        return store.getOrComputeIfAbsent(key, creator, type);
    }
}
