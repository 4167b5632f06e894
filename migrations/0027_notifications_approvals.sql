-- One more piece of news: a batch waits for an approver.
alter table notifications_messages drop constraint notifications_messages_kind_check;
alter table notifications_messages add constraint notifications_messages_kind_check check (
  kind in ('phone_code', 'password_reset', 'invitation', 'batch_finished', 'review_needed', 'approval_needed',
    'kyc_verified', 'kyc_rejected', 'kyc_resubmit', 'kyc_expired'));
alter table notifications_in_app drop constraint notifications_in_app_kind_check;
alter table notifications_in_app add constraint notifications_in_app_kind_check check (
  kind in ('batch_finished', 'review_needed', 'approval_needed',
    'kyc_verified', 'kyc_rejected', 'kyc_resubmit', 'kyc_expired'));
alter table notifications_preferences drop constraint notifications_preferences_kind_check;
alter table notifications_preferences add constraint notifications_preferences_kind_check check (
  kind in ('batch_finished', 'review_needed', 'approval_needed',
    'kyc_verified', 'kyc_rejected', 'kyc_resubmit', 'kyc_expired'));
