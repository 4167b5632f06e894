from django.db import models


class Account(models.Model):
    party_id_type = models.CharField(max_length=32)
    party_identifier = models.CharField(max_length=128)
    account_id = models.CharField(max_length=128, unique=True)
    balance = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)


class BulkTransfer(models.Model):
    bulk_id = models.CharField(max_length=64, unique=True)
    payer_account = models.ForeignKey(Account, on_delete=models.PROTECT)
    total_amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=32, default='PENDING')
    created_at = models.DateTimeField(auto_now_add=True)


class IndividualTransfer(models.Model):
    transfer_id = models.CharField(max_length=128)
    bulk = models.ForeignKey(BulkTransfer, on_delete=models.CASCADE, related_name='transfers')
    payee_party_id_type = models.CharField(max_length=32)
    payee_party_identifier = models.CharField(max_length=128)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, default='PENDING')
    completed_at = models.DateTimeField(null=True)

    class Meta:
        # Kinder than the README's model: the question «is anything pending?» is answered from an index.
        indexes = [models.Index(fields=['bulk', 'status'])]
