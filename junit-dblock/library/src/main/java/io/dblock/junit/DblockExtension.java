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
 * A block device described by code, for where an annotation cannot: a handler that is a lambda, a size that is computed.
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
 * <p>In an instance field: one device per test, made after the test's constructor. In a static field: one per class, nested
 * classes included, made before its {@code @BeforeAll} methods. Creation, clean up and configuration parameters are those
 * of {@link DblockDevice @DblockDevice}.
 *
 * <h2>Which device {@link #device()} gives</h2>
 *
 * <p>The extension object itself belongs to no test: it is a description, which JUnit may use for several tests at a time.
 * In code that JUnit calls (constructor, lifecycle, test and factory methods, dynamic tests) {@code device()} gives the
 * device of the test or class that is being run there. Other threads, and other extensions, get it too, as long as there
 * can be no more than one: with an instance field, unless {@code @TestInstance(PER_CLASS)}, and with a static field,
 * unless it is inherited. There they are refused, and have to be handed what {@code device()} gave the test.
 *
 * <p>Safe for use by several threads.
 */
public final class DblockExtension extends InterceptingExtension implements BeforeAllCallback, BeforeEachCallback {

    /** The context whose code runs on this thread, the same for all extensions. Only ever set around one call. */
    private static final ThreadLocal<ExtensionContext> RUNNING = new ThreadLocal<>();

    private final DeviceSettings settings;
    /** Finds this extension's device, and no other extension's, in a context's store. */
    private final Namespace namespace = Namespace.create(DblockExtension.class, this);
    /** The devices there are now, by the unique id of their context. */
    private final Map<String, BlockDevice> live = new ConcurrentHashMap<>();
    /** Whether several tests or classes may use this one object at a time. */
    private volatile boolean shared;

    private DblockExtension(DeviceSettings settings) {
        this.settings = settings;
    }

    /** A builder that says nothing yet: all is as the configuration parameters say, or by default. */
    @CheckReturnValue
    public static Builder builder() {
        return new Builder();
    }

    /**
     * The device of the test or class that is running, see the class comment.
     *
     * @throws IllegalStateException if there is none, not yet or no longer, or if it cannot be told which one is meant
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
            // An instance field is asked for this with PER_CLASS only, where all tests share the extension.
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
        // Finds that of an enclosing context, too.
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

    /** Fields that register this very extension. */
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

    /** Wraps the device: the store would close a bare one. */
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
     * Describes the device. What is left out is as the {@linkplain DblockParameters configuration parameters} say. Most values are
     * checked only when the device is made. Not thread-safe.
     */
    public static final class Builder implements BlockDevice.Options<Builder> {
        private final DeviceSettings settings = new DeviceSettings();

        private Builder() {}

        /** What was said so far. */
        DeviceSettings settings() {
            return settings;
        }

        @Override
        public <T> Builder set(DeviceOption<T> option, T value) {
            settings.set(option, value);
            return this;
        }

        /** Kernel name, see {@link DblockDevice#name()}. */
        @Override
        public Builder name(String name) {
            return set(DeviceOption.NAME, name);
        }

        /** Has the requests of each device answered by what {@code handlers} gives for it; called once per device. */
        public Builder handler(Supplier<? extends BlockHandler> handlers) {
            return set(TestOption.HANDLER, handlers);
        }

        /** The same with handlers in request form, which may be one lambda for all devices. */
        public Builder requestHandler(Supplier<? extends RequestHandler> handlers) {
            return set(TestOption.HANDLER, handlers);
        }

        /** See {@link DblockDevice#cleanup()}. */
        public Builder cleanup(CleanupMode mode) {
            return set(TestOption.CLEANUP, mode);
        }

        /** See {@link DblockDevice#failOnHandlerException()}. */
        public Builder failOnHandlerException(boolean fail) {
            return set(TestOption.FAIL_ON_HANDLER_EXCEPTION, fail);
        }

        /**
         * Whether the test fails with a {@link ModuleUnavailableException} or is skipped where the kernel module is not
         * available.
         */
        public Builder unavailable(WhenUnavailable mode) {
            return set(TestOption.UNAVAILABLE, mode);
        }

        /** See {@link DblockDevice#artifacts()}. */
        public Builder artifacts(Artifacts when) {
            return set(TestOption.ARTIFACTS, when);
        }

        /** See {@link DblockDevice#artifactsDirectory()}. */
        public Builder artifactsDirectory(Path directory) {
            return set(TestOption.ARTIFACTS_DIRECTORY, directory);
        }

        /** Arms these rules on each device, after those given before; see {@link DblockFault}. */
        public Builder faults(FaultRule... rules) {
            settings.addFaults(List.of(rules));
            return this;
        }

        /**
         * Has {@code customizer} called with the builder of each device, after all else is set: for what differs from device to
         * device.
         */
        public Builder customize(Consumer<BlockDevice.Builder> customizer) {
            settings.setCustomizer(Objects.requireNonNull(customizer, "customizer"));
            return this;
        }

        /** The extension, for a field annotated with {@link RegisterExtension}. Later changes here do not reach it. */
        @CheckReturnValue
        public DblockExtension build() {
            return new DblockExtension(settings.copy());
        }
    }
}
