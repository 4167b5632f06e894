select platform_guard_module('bulk');
