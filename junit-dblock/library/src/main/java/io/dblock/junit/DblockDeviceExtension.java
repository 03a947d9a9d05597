// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.ModuleUnavailableException;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ModifierSupport;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * The extension of {@link DblockDevice}. It has no state of its own: the stores of the extension contexts hold
 * everything.
 */
final class DblockDeviceExtension extends InterceptingExtension
        implements BeforeAllCallback, BeforeEachCallback, ParameterResolver, ExecutionCondition {

    private static final List<Class<?>> TYPES = List.of(BlockDevice.class, Path.class, FileChannel.class);

    @Override
    public void beforeAll(ExtensionContext context) {
        CleanupTracker.install(context);
        Devices.reportStarted(context);
        FieldDevices.make(context, early -> injectIntoClass(context, early));
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        CleanupTracker.install(context);
        Devices.reportStarted(context);
        FieldDevices.make(context, early -> injectIntoInstances(context, early));
    }

    private static void injectIntoClass(ExtensionContext context, Optional<FieldDevices> early) {
        inject(places(context.getRequiredTestClass(), null, ModifierSupport::isStatic), context, early);
    }

    private static void injectIntoInstances(ExtensionContext context, Optional<FieldDevices> early) {
        List<Place> places = new ArrayList<>();
        for (Object instance : context.getRequiredTestInstances().getAllInstances()) {
            // The fields of a record are final. Its components are also constructor parameters, which are injected.
            if (!instance.getClass().isRecord()) {
                places.addAll(places(instance.getClass(), instance, ModifierSupport::isNotStatic));
            }
        }
        inject(places, context, early);
    }

    /** A field of {@code instance}, which is null for a static field, and the device that is wanted in it. */
    private record Place(Field field, Object instance, Devices.Wanted wanted) {
        void set(Object value) {
            try {
                field.set(instance, value);
            } catch (IllegalAccessException e) {
                throw new ExtensionConfigurationException(
                        wanted.declaration() + " could not be set: " + e.getMessage(), e);
            }
        }
    }

    private static List<Place> places(Class<?> testClass, Object instance, Predicate<Field> scope) {
        requireDevices(testClass);
        List<Place> places = new ArrayList<>();
        for (Field field : AnnotationSupport.findAnnotatedFields(
                testClass, DblockDevice.class, scope, HierarchyTraversalMode.TOP_DOWN)) {
            Declaration declaration = Declaration.ofField("@DblockDevice", field);
            if (ModifierSupport.isFinal(field)) {
                throw new ExtensionConfigurationException(
                        declaration + " is final, so that nothing can be injected. Remove the modifier.");
            }
            field.setAccessible(true);
            Devices.Wanted wanted = wanted(
                    declaration,
                    field.getType(),
                    AnnotationSupport.findAnnotation(field, DblockDevice.class),
                    AnnotationSupport.findRepeatableAnnotations(field, DblockFault.class));
            places.add(new Place(field, instance, wanted));
        }
        return places;
    }

    private static void inject(List<Place> places, ExtensionContext context, Optional<FieldDevices> early) {
        places.forEach(place -> FieldClaims.of(context).claim(place.field(), place.instance(), context));
        List<DeviceLease> leases =
                Devices.make(places.stream().map(Place::wanted).toList(), context, early);
        for (int i = 0; i < places.size(); i++) {
            places.get(i).set(value(leases.get(i), places.get(i).field().getType()));
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameterContext, ExtensionContext extensionContext) {
        return parameterContext.isAnnotated(DblockDevice.class);
    }

    @Override
    public Object resolveParameter(ParameterContext parameterContext, ExtensionContext context) {
        Parameter parameter = parameterContext.getParameter();
        try {
            return value(ParameterDevices.of(context).take(parameterContext, context), parameter.getType());
        } catch (ExtensionConfigurationException e) {
            // With the cause alone, which the message is made of: no need to read it three times.
            ParameterResolutionException failure =
                    new ParameterResolutionException(e.getMessage(), e.getCause() == null ? e : e.getCause());
            Arrays.stream(e.getSuppressed()).forEach(failure::addSuppressed);
            throw failure;
        }
    }

    /** Returns what is injected where this type is declared. */
    private static Object value(DeviceLease lease, Class<?> type) {
        try {
            Object value = lease.device();
            if (type == FileChannel.class) {
                value = lease.openChannel();
            } else if (type == Path.class) {
                value = lease.device().spec().filesystem() == Filesystem.NONE
                        ? lease.device().path()
                        : lease.device().mount();
            }
            lease.armFaults();
            return value;
        } catch (RuntimeException e) {
            throw new ExtensionConfigurationException(
                    lease.declaration() + " could not be injected: " + e.getMessage(), e);
        }
    }

    private static void requireSupported(Class<?> type, Declaration declaration) {
        if (!TYPES.contains(type)) {
            throw new ExtensionConfigurationException(declaration + " is of type " + type.getName()
                    + ", which cannot be injected. Allowed: " + BlockDevice.class.getName() + " (the device), "
                    + Path.class.getName() + " (its mount point, or its node if it has no filesystem) and "
                    + FileChannel.class.getName() + " (open on its node for direct I/O).");
        }
    }

    /**
     * Returns what is declared.
     *
     * @throws ExtensionConfigurationException if no such device can be made or injected
     */
    static Devices.Wanted wanted(
            Declaration declaration, Class<?> type, Optional<DblockDevice> annotation, List<DblockFault> faults) {
        requireSupported(type, declaration);
        try {
            DeviceSettings settings = DeviceSettings.of(annotation.orElseThrow());
            settings.addFaults(FaultRules.of(faults));
            return new Devices.Wanted(declaration, settings);
        } catch (RuntimeException e) {
            throw new ExtensionConfigurationException(declaration + ": " + e.getMessage(), e);
        }
    }

    /** Refuses fault rules on fields that have no device. */
    private static void requireDevices(Class<?> testClass) {
        for (Field field : ReflectionSupport.findFields(
                testClass,
                field -> !AnnotationSupport.findRepeatableAnnotations(field, DblockFault.class)
                                .isEmpty()
                        && !AnnotationSupport.isAnnotated(field, DblockDevice.class),
                HierarchyTraversalMode.TOP_DOWN)) {
            throw new ExtensionConfigurationException(Declaration.ofField("@DblockFault on", field)
                    + ", which has no @DblockDevice: there is no device to arm it on. Add @DblockDevice, or arm a rule with"
                    + " device.faults().");
        }
    }

    /** Skips a test or class that asks for it, and announces the devices of its fields otherwise. */
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        ConditionEvaluationResult result = evaluateAvailability(context);
        if (!result.isDisabled()) {
            announce(context);
        }
        return result;
    }

    /** Announces the devices of fields. JUnit evaluates conditions before it calls any extension. */
    private static void announce(ExtensionContext context) {
        if (context.getTestInstances().isPresent() && context.getTestMethod().isPresent()) {
            FieldDevices.announce(context, early -> injectIntoInstances(context, early));
        } else if (context.getTestClass().isPresent() && context.getTestMethod().isEmpty()) {
            FieldDevices.announce(context, early -> injectIntoClass(context, early));
        }
    }

    /**
     * Skips a test or class that asks for it where no device can be made. Parameter resolution would be too late,
     * because JUnit treats every exception from there as a failure.
     */
    private static ConditionEvaluationResult evaluateAvailability(ExtensionContext context) {
        boolean skippable = declarations(context)
                .map(element -> AnnotationSupport.findAnnotation(element, DblockDevice.class))
                .flatMap(Optional::stream)
                .map(annotation -> DeviceSettings.whenUnavailable(annotation, context::getConfigurationParameter))
                .anyMatch(mode -> mode == WhenUnavailable.SKIP);
        if (!skippable) {
            return ConditionEvaluationResult.enabled("No @DblockDevice asks for being skipped");
        }
        return Devices.unavailability(context)
                .map(ModuleUnavailableException::getMessage)
                .map(message -> ConditionEvaluationResult.disabled("No block device can be made here: " + message))
                .orElseGet(() -> ConditionEvaluationResult.enabled("Block devices can be made here"));
    }

    /** Returns the fields and parameters whose devices the class or the method of {@code context} needs. */
    private static Stream<AnnotatedElement> declarations(ExtensionContext context) {
        if (context.getTestMethod().isPresent()) {
            return Arrays.stream(context.getRequiredTestMethod().getParameters());
        }
        if (context.getTestClass().isEmpty()) {
            return Stream.empty();
        }
        Class<?> testClass = context.getRequiredTestClass();
        List<AnnotatedElement> elements =
                new ArrayList<>(AnnotationSupport.findAnnotatedFields(testClass, DblockDevice.class));
        for (Constructor<?> constructor : testClass.getDeclaredConstructors()) {
            elements.addAll(List.of(constructor.getParameters()));
        }
        ReflectionSupport.findMethods(
                        testClass,
                        method -> Stream.of(BeforeAll.class, BeforeEach.class, AfterEach.class, AfterAll.class)
                                .anyMatch(lifecycle -> AnnotationSupport.isAnnotated(method, lifecycle)),
                        HierarchyTraversalMode.TOP_DOWN)
                .forEach(method -> elements.addAll(List.of(method.getParameters())));
        return elements.stream();
    }

    @Override
    public void interceptBeforeAllMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        try {
            super.interceptBeforeAllMethod(invocation, invocationContext, context);
        } catch (NullPointerException e) {
            // With PER_CLASS there already is an instance. Its fields are only set for each test.
            invocationContext.getTarget().ifPresent(instance -> explainNull(instance, e));
            throw e;
        }
    }

    private static void explainNull(Object instance, NullPointerException e) {
        for (Field field : AnnotationSupport.findAnnotatedFields(
                instance.getClass(), DblockDevice.class, ModifierSupport::isNotStatic)) {
            e.addSuppressed(new ExtensionConfigurationException(Declaration.ofField("@DblockDevice", field)
                    + " is null in @BeforeAll: an instance field gets a device for each test, before @BeforeEach. Make it"
                    + " static for one device per class, or use a parameter of the @BeforeAll method."));
        }
    }
}
