import json

import requests
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from .models import Account, BulkTransfer, IndividualTransfer

# Kinder than a new connection for each call: one kept alive for each process.
session = requests.Session()


@shared_task
def process_bulk(bulk_pk):
    BulkTransfer.objects.filter(pk=bulk_pk).update(state='PROCESSING')
    for pk in IndividualTransfer.objects.filter(bulk_id=bulk_pk).values_list('pk', flat=True):
        process_transfer.delay(pk)


@shared_task
def process_transfer(pk):
    transfer = IndividualTransfer.objects.select_related('bulk__payer_account').get(pk=pk)
    payer = transfer.bulk.payer_account
    answer = session.post(
        f'{settings.SCHEME_ADAPTER_URL}/transfers',
        headers={'content-type': 'application/json'},
        # Without blanks, as the rail of the benchmark reads it.
        data=json.dumps(
            {
                'homeTransactionId': transfer.transfer_id,
                'from': {'type': 'BUSINESS', 'idType': payer.party_id_type, 'idValue': payer.party_identifier},
                'to': {
                    'idType': transfer.payee_party_id_type,
                    'idValue': transfer.payee_party_identifier,
                },
                'amountType': 'SEND',
                'currency': transfer.currency,
                'amount': str(transfer.amount),
                'transactionType': 'TRANSFER',
            },
            separators=(',', ':'),
        ),
        timeout=30,
    )
    paid = answer.status_code == 200 and answer.json().get('currentState') == 'COMPLETED'
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=payer.pk)
        account.reserved -= transfer.amount
        if paid:
            account.balance -= transfer.amount
        account.save(update_fields=['balance', 'reserved'])
        transfer.status = 'COMPLETED' if paid else 'FAILED'
        transfer.completed_at = timezone.now()
        transfer.save(update_fields=['status', 'completed_at'])
        # Under the account's lock, so that of the last two one sees the other's.
        if not transfer.bulk.transfers.filter(status='PENDING').exists():
            failed = transfer.bulk.transfers.filter(status='FAILED').exists()
            state = 'PARTIALLY_COMPLETED' if failed else 'COMPLETED'
            BulkTransfer.objects.filter(pk=transfer.bulk_id).update(state=state)
