// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.DeviceOption;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * An option that only devices of tests have: the second half of the table in {@link DeviceOption}. See there for what an
 * option is and what a new one needs.
 */
final class TestOption<T> extends DeviceOption<T> {
    private static final Map<String, TestOption<?>> TABLE = new LinkedHashMap<>();

    /** Supplies a new {@link BlockHandler} or {@link RequestHandler} at each call. */
    static final TestOption<Supplier<?>> HANDLER = row(
            "handler",
            "a class that answers the requests",
            new Type<>(Supplier.class, TestOption::instancesOf),
            Default.words("a built-in store"));

    static final TestOption<Boolean> FAIL_ON_HANDLER_EXCEPTION = row(
            "failOnHandlerException",
            "whether an exception of a handler fails the test",
            Type.TRUTH,
            Default.value("true"));

    static final TestOption<CleanupMode> CLEANUP =
            row("cleanup", "when the device is removed", Type.constant(CleanupMode.class), Default.value("always"));

    static final TestOption<Artifacts> ARTIFACTS = row(
            "artifacts",
            "when the journal and the picture are written",
            Type.constant(Artifacts.class),
            Default.value("on_failure"));

    static final TestOption<Path> ARTIFACTS_DIRECTORY =
            row("artifactsDirectory", "where they are written", Type.PATH, Default.value("target/dblock"));

    static final TestOption<WhenUnavailable> UNAVAILABLE = row(
            "unavailable",
            "whether a test fails or is skipped where no device can be made",
            Type.constant(WhenUnavailable.class),
            Default.value("fail"));

    private TestOption(String name, String meaning, Type<T> type, Default otherwise) {
        super(name, meaning, type, otherwise);
    }

    private static <T> TestOption<T> row(String name, String meaning, Type<T> type, Default otherwise) {
        TestOption<T> option = new TestOption<>(name, meaning, type, otherwise);
        TABLE.put(name, option);
        return option;
    }

    /** Returns this half of the table. */
    static Collection<TestOption<?>> ofTests() {
        return Collections.unmodifiableCollection(TABLE.values());
    }

    private static Supplier<?> instancesOf(String className) {
        return instancesOf(ReflectionSupport.tryToLoadClass(className)
                .getOrThrow(e -> new IllegalArgumentException(
                        "No class: \"" + className + "\" (" + e.getMessage()
                                + "). Allowed: the fully qualified name of a class on the test's class path.",
                        e)));
    }

    /**
     * Returns a supplier of instances of a handler class, a new one at each call.
     *
     * @throws IllegalArgumentException if the class is not a handler
     */
    static Supplier<?> instancesOf(Class<?> type) {
        if (!BlockHandler.class.isAssignableFrom(type) && !RequestHandler.class.isAssignableFrom(type)) {
            throw new IllegalArgumentException(type.getName() + " is no handler. Allowed: a class that implements "
                    + BlockHandler.class.getName() + " or " + RequestHandler.class.getName()
                    + " and has a constructor without arguments.");
        }
        return () -> {
            try {
                return ReflectionSupport.newInstance(type);
            } catch (Exception e) {
                throw new ExtensionConfigurationException(
                        "handler: no instance of " + type.getName() + " could be made: " + e
                                + ". It needs to be a static or top-level class that is not abstract, with a constructor"
                                + " without arguments.",
                        e);
            }
        };
    }
}
