// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.util.function.Function;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A store method that has different names in JUnit 5 and JUnit 6. */
final class ContextStores {
    private ContextStores() {}

    /**
     * Calls a method that JUnit 6 deprecates. Its replacement does not exist in JUnit 5; the two differ in what a null
     * value means.
     */
    @SuppressWarnings("deprecation")
    static <K, V> V computeIfAbsent(ExtensionContext.Store store, K key, Function<K, V> creator, Class<V> type) {
        return store.getOrComputeIfAbsent(key, creator, type);
    }
}
