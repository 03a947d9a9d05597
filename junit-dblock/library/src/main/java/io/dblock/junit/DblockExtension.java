// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.ModuleUnavailableException;
import io.dblock.fault.FaultRule;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ModifierSupport;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * A block device described by code, for cases that an annotation cannot express: a handler that is a lambda, a size
 * that is computed.
 *
 * <pre>{@code
 * class LedgerTest {
 *     @RegisterExtension
 *     DblockExtension disk = DblockExtension.builder().size("64MiB").filesystem(EXT4).build();
 *
 *     @Test
 *     void keepsItsEntries() throws Exception {
 *         Ledger.open(disk.device().mount().resolve("ledger")).append("paid").sync();
 *     }
 * }
 * }</pre>
 *
 * <h2>Scope</h2>
 *
 * <p>An instance field has one device per test, made after the constructor of the test. A static field has one device
 * per class, including nested classes, made before the {@code @BeforeAll} methods. Creation, cleanup and configuration
 * parameters are those of {@link DblockDevice @DblockDevice}.
 *
 * <h2>Which device {@link #device()} returns</h2>
 *
 * <p>The extension object itself belongs to no test: it is a description, and JUnit may use it for several tests at a
 * time. In code that JUnit calls (constructor, lifecycle, test and factory methods, dynamic tests) {@code device()}
 * returns the device of the test or class that is running there.
 *
 * <p>Other threads and other extensions get that device, too, if there can be only one. That is so for an instance
 * field unless {@code @TestInstance(PER_CLASS)} is used, and for a static field unless it is inherited. Otherwise
 * {@code device()} throws an exception there, and the test has to pass its device on.
 *
 * <p>Safe for use by several threads.
 */
public final class DblockExtension extends InterceptingExtension implements BeforeAllCallback, BeforeEachCallback {

    /** The context whose code runs on this thread, the same for all extensions. Set only around one call. */
    private static final ThreadLocal<ExtensionContext> RUNNING = new ThreadLocal<>();

    private final DeviceSettings settings;
    /** The namespace in which a context's store has the device of this extension and of no other. */
    private final Namespace namespace = Namespace.create(DblockExtension.class, this);
    /** The existing devices, by the unique id of their context. */
    private final Map<String, BlockDevice> live = new ConcurrentHashMap<>();
    /** Whether several tests or classes may use this one object at a time. */
    private volatile boolean shared;

    private DblockExtension(DeviceSettings settings) {
        this.settings = settings;
    }

    /** Returns a builder without settings: the configuration parameters and the defaults apply. */
    @CheckReturnValue
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns the device of the test or class that is running, see the class comment.
     *
     * @throws IllegalStateException if there is no device, not yet or no longer, or if it is unclear which one is meant
     */
    public BlockDevice device() {
        ExtensionContext context = RUNNING.get();
        if (context != null) {
            Made made = context.getStore(namespace).get(Made.class, Made.class);
            if (made == null) {
                throw new IllegalStateException("There is no device in " + context.getUniqueId()
                        + ": that of an instance field is made after the constructor, for one test, and is not there for"
                        + " @BeforeAll and @AfterAll. Use it in @BeforeEach and later, or make the field static.");
            }
            return made.device();
        }
        if (shared) {
            throw new IllegalStateException("device() was called on thread \""
                    + Thread.currentThread().getName()
                    + "\", where no test of this extension runs, and several tests may"
                    + " use it at a time (inherited static field, or @TestInstance(PER_CLASS)). Call device() in the test,"
                    + " and hand the thread what it gives.");
        }
        List<BlockDevice> devices = List.copyOf(live.values());
        if (devices.size() != 1) {
            throw new IllegalStateException(
                    "There is no device: it is made before each test (instance field) or before the"
                            + " class's @BeforeAll methods (static field), if the field is annotated with @RegisterExtension, and"
                            + " gone afterwards.");
        }
        return devices.get(0);
    }

    /** For JUnit. */
    @Override
    public void beforeAll(ExtensionContext context) {
        CleanupTracker.install(context);
        Class<?> testClass = context.getRequiredTestClass();
        Optional<Field> field = staticField(testClass);
        if (field.isEmpty()) {
            // For an instance field JUnit calls this only with PER_CLASS, where all tests share the extension.
            shared = true;
            return;
        }
        if (field.get().getDeclaringClass() != testClass) {
            shared |= context.getStore(namespace).get(Made.class) == null;
        }
        makeIfAbsent(Declaration.ofField("@RegisterExtension", field.get()), context);
    }

    /** For JUnit. */
    @Override
    public void beforeEach(ExtensionContext context) {
        CleanupTracker.install(context);
        Declaration declaration = context.getRequiredTestInstances().getAllInstances().stream()
                .flatMap(instance -> fields(instance.getClass(), ModifierSupport::isNotStatic, instance).stream())
                .findFirst()
                .map(field -> Declaration.ofField("@RegisterExtension", field))
                .orElseGet(() -> new Declaration(
                        "DblockExtension in " + Declaration.name(context.getRequiredTestClass()), "device"));
        makeIfAbsent(declaration, context);
    }

    private void makeIfAbsent(Declaration declaration, ExtensionContext context) {
        // The store also finds the device of an enclosing context.
        if (context.getStore(namespace).get(Made.class) != null) {
            return;
        }
        DeviceLease lease = Devices.make(settings, declaration, context);
        lease.armFaults();
        BlockDevice device = lease.device();
        String id = context.getUniqueId();
        live.put(id, device);
        context.getStore(namespace).put(Made.class, new Made(device));
        context.getStore(namespace).put("forget", (AutoCloseable) () -> live.remove(id));
    }

    private Optional<Field> staticField(Class<?> testClass) {
        for (Class<?> type = testClass; type != null; type = type.getEnclosingClass()) {
            List<Field> fields = fields(type, ModifierSupport::isStatic, null);
            if (!fields.isEmpty()) {
                return Optional.of(fields.get(0));
            }
        }
        return Optional.empty();
    }

    /** Returns the fields that register this very extension. */
    private List<Field> fields(Class<?> type, Predicate<Field> scope, Object instance) {
        return ReflectionSupport.findFields(
                type,
                field -> scope.test(field)
                        && AnnotationSupport.isAnnotated(field, RegisterExtension.class)
                        && valueOf(field, instance) == this,
                HierarchyTraversalMode.TOP_DOWN);
    }

    private static Object valueOf(Field field, Object instance) {
        try {
            field.setAccessible(true);
            return field.get(instance);
        } catch (IllegalAccessException e) {
            throw new ExtensionConfigurationException("Cannot read the field [" + field + "]", e);
        }
    }

    /** Wraps the device, because the store would close a bare one. */
    private record Made(BlockDevice device) {}

    // ---- which context runs on this thread ----

    @Override
    <T> T proceed(Invocation<T> invocation, ExtensionContext context) throws Throwable {
        ExtensionContext outer = RUNNING.get();
        RUNNING.set(context);
        try {
            return super.proceed(invocation, context);
        } finally {
            if (outer == null) {
                RUNNING.remove();
            } else {
                RUNNING.set(outer);
            }
        }
    }

    /**
     * Describes the device. The {@linkplain DblockParameters configuration parameters} apply to options that are not
     * set. Most values are checked only when the device is made. Not thread-safe.
     */
    public static final class Builder implements BlockDevice.Options<Builder> {
        private final DeviceSettings settings = new DeviceSettings();

        private Builder() {}

        /** Returns the settings made so far. */
        DeviceSettings settings() {
            return settings;
        }

        @Override
        public <T> Builder set(DeviceOption<T> option, T value) {
            settings.set(option, value);
            return this;
        }

        /** Sets the kernel's name for the device, see {@link DblockDevice#name()}. */
        @Override
        public Builder name(String name) {
            return set(DeviceOption.NAME, name);
        }

        /** Sets the supplier of the handler that answers the requests. It is called once per device. */
        public Builder handler(Supplier<? extends BlockHandler> handlers) {
            return set(TestOption.HANDLER, handlers);
        }

        /** Sets the supplier of a handler in request form, which may be one lambda for all devices. */
        public Builder requestHandler(Supplier<? extends RequestHandler> handlers) {
            return set(TestOption.HANDLER, handlers);
        }

        /** Sets when the device is cleaned up, see {@link DblockDevice#cleanup()}. */
        public Builder cleanup(CleanupMode mode) {
            return set(TestOption.CLEANUP, mode);
        }

        /**
         * Sets whether an exception of the handler fails the test, see {@link DblockDevice#failOnHandlerException()}.
         */
        public Builder failOnHandlerException(boolean fail) {
            return set(TestOption.FAIL_ON_HANDLER_EXCEPTION, fail);
        }

        /**
         * Sets whether the test fails with a {@link ModuleUnavailableException} or is skipped if the kernel module is
         * not available.
         */
        public Builder unavailable(WhenUnavailable mode) {
            return set(TestOption.UNAVAILABLE, mode);
        }

        /** Sets when files about the device are written, see {@link DblockDevice#artifacts()}. */
        public Builder artifacts(Artifacts when) {
            return set(TestOption.ARTIFACTS, when);
        }

        /** Sets the directory for these files, see {@link DblockDevice#artifactsDirectory()}. */
        public Builder artifactsDirectory(Path directory) {
            return set(TestOption.ARTIFACTS_DIRECTORY, directory);
        }

        /** Adds rules that are armed on each device, after those added before; see {@link DblockFault}. */
        public Builder faults(FaultRule... rules) {
            settings.addFaults(List.of(rules));
            return this;
        }

        /**
         * Sets a function that is called with the builder of each device after all other settings: for what differs
         * between devices.
         */
        public Builder customize(Consumer<BlockDevice.Builder> customizer) {
            settings.setCustomizer(Objects.requireNonNull(customizer, "customizer"));
            return this;
        }

        /**
         * Returns the extension, for a field annotated with {@link RegisterExtension}. Later changes to this builder do
         * not affect it.
         */
        @CheckReturnValue
        public DblockExtension build() {
            return new DblockExtension(settings.copy());
        }
    }
}
