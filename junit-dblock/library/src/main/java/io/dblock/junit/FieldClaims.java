// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.lang.reflect.Field;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Records which context has which field. A field has room for one device: a second test that would overwrite the device
 * of a running test fails with an error. A nested scope may take a field over and gives it back. There is one instance
 * for the whole run. Safe for use by several threads.
 */
final class FieldClaims {
    private static final Namespace NAMESPACE = Namespace.create(FieldClaims.class);

    private final Map<Slot, Deque<Claim>> claims = new HashMap<>();

    static FieldClaims of(ExtensionContext context) {
        return ContextStores.computeIfAbsent(
                context.getRoot().getStore(NAMESPACE), FieldClaims.class, key -> new FieldClaims(), FieldClaims.class);
    }

    /**
     * Claims a field of {@code instance} (null for a static field) until {@code context} ends.
     *
     * @throws ExtensionConfigurationException if a context that does not enclose this one has the field
     */
    void claim(Field field, Object instance, ExtensionContext context) {
        Slot slot = new Slot(field, instance);
        Claim claim = new Claim(slot, context);
        synchronized (claims) {
            Deque<Claim> holders = claims.computeIfAbsent(slot, key -> new ArrayDeque<>());
            Claim holder = holders.peek();
            if (holder != null && !encloses(holder.context, context)) {
                throw new ExtensionConfigurationException(
                        Declaration.ofField("@DblockDevice", field) + " holds the device of "
                                + holder.context.getUniqueId() + ", which is still running, so that "
                                + context.getUniqueId() + " cannot have one in it. "
                                + (instance == null
                                        ? "Classes that run at the same time cannot share an inherited static field: declare it in"
                                                + " each class, or use a parameter of @BeforeAll."
                                        : "Tests of one instance (@TestInstance(PER_CLASS)) that run at the same time cannot share"
                                                + " its fields: use a parameter of the test method."));
            }
            holders.push(claim);
        }
        context.getStore(NAMESPACE).put(claim, claim);
    }

    private static boolean encloses(ExtensionContext outer, ExtensionContext inner) {
        for (ExtensionContext context = inner;
                context != null;
                context = context.getParent().orElse(null)) {
            if (context.getUniqueId().equals(outer.getUniqueId())) {
                return true;
            }
        }
        return false;
    }

    private final class Claim implements AutoCloseable {
        private final Slot slot;
        private final ExtensionContext context;
        private final Object previous;

        Claim(Slot slot, ExtensionContext context) {
            this.slot = slot;
            this.context = context;
            this.previous = slot.get();
        }

        @Override
        public void close() {
            synchronized (claims) {
                Deque<Claim> holders = claims.get(slot);
                holders.remove(this);
                if (holders.isEmpty()) {
                    claims.remove(slot);
                } else {
                    slot.set(previous);
                }
            }
        }
    }

    /** A field of one instance, compared by identity because equals() belongs to the test class. */
    private static final class Slot {
        private final Field field;
        private final Object instance;

        Slot(Field field, Object instance) {
            this.field = field;
            this.instance = instance;
        }

        Object get() {
            try {
                return field.get(instance);
            } catch (IllegalAccessException e) {
                throw new ExtensionConfigurationException("Cannot read the field [" + field + "]", e);
            }
        }

        void set(Object value) {
            try {
                field.set(instance, value);
            } catch (IllegalAccessException e) {
                throw new ExtensionConfigurationException("Cannot set the field [" + field + "]", e);
            }
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Slot slot && slot.field.equals(field) && slot.instance == instance;
        }

        @Override
        public int hashCode() {
            return field.hashCode() * 31 + System.identityHashCode(instance);
        }
    }
}
