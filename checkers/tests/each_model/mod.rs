//! One test for each model that comes along, and one that none is left out.

/// Tests every model by a function of its name.
macro_rules! each_model {
    ($agrees:path) => {
        $crate::each_model::each_model! { $agrees,
            register: "register",
            cas_register: "cas-register",
            kv: "kv",
            mutex: "mutex",
            owner_mutex: "owner-mutex",
            fenced_lock: "fenced-lock",
            semaphore: "semaphore",
            fifo_queue: "fifo-queue",
            unordered_queue: "unordered-queue",
            priority_queue: "priority-queue",
            stack: "stack",
            set: "set",
            counter: "counter",
            seat: "seat",
        }
    };
    ($agrees:path, $($test:ident: $model:literal,)*) => {
        $(#[test]
        fn $test() {
            $agrees($model);
        })*

        #[test]
        fn no_model_is_left_out() {
            let tested = [$($model),*];
            for model in witness_checkers::models() {
                assert!(tested.contains(&model.name), "{} is not tested", model.name);
            }
        }
    };
}
pub(crate) use each_model;
